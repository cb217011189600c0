/** The plugin whose invocations are cancelled. Options: see `SleeperOptions`. */
import { completeConfig, connect, createLogger, Instance } from '@bkg/sdk';
import type { Credentials } from '@bkg/sdk';
import { defineSleeper, sleeper } from '../cancel/plugin.ts';

export interface SleeperOptions {
  url: string;
  credentials: Credentials;
}

const { url, credentials } = JSON.parse(process.argv[2] ?? '{}') as SleeperOptions;
const log = createLogger({}, { level: 'error' });
const connection = await connect({
  servers: [url],
  credentials,
  name: sleeper,
  identity: [sleeper, 'bench'],
  log,
  signal: AbortSignal.timeout(10_000),
});
const options = { connection, instance: 'bench', config: completeConfig(sleeper, {}), log };
await new Instance(defineSleeper(), options).start();
process.send?.({ ready: true });
