/** A plugin of the SDK with one capability, which answers after a moment, or at once. Options: see `EchoOptions`. */
import { setTimeout as delay } from 'node:timers/promises';
import { capability, completeConfig, connect, createLogger, definePlugin, Instance, Type } from '@bkg/sdk';
import type { Credentials, PluginConfig } from '@bkg/sdk';

export interface EchoOptions {
  url: string;
  credentials: Credentials;
  joinWrites: boolean;
  /** Each answer comes after a random time up to this. */
  mostMs: number;
  /** @default 'bench' */
  instance?: string;
  /** Other than the default one. */
  config?: Partial<PluginConfig>;
}

const options = JSON.parse(process.argv[2] ?? '{}') as EchoOptions;
const { url, credentials, joinWrites, mostMs, instance = 'bench', config = {} } = options;
const message = Type.Object({ text: Type.String() });
const plugin = definePlugin({
  id: 'echo',
  version: '1.0.0',
  description: 'Says it again.',
  capabilities: {
    say: capability({
      description: 'Says the text again.',
      input: message,
      output: message,
      handler: ({ text }) => (mostMs > 0 ? delay(Math.random() * mostMs, { text }) : { text }),
    }),
  },
});
const log = createLogger({}, { level: 'warn' });
const identity = ['echo', instance];
const connection = await connect({
  servers: [url],
  credentials,
  name: 'echo',
  identity,
  log,
  joinWrites,
  signal: AbortSignal.timeout(10_000),
});
await new Instance(plugin, { connection, instance, config: completeConfig('echo', config), log }).start();
process.send?.({ ready: true });
