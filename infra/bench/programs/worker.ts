/** One of the instances that are not equally fast. Options: see `WorkerOptions`. */
import { completeConfig, connect, createLogger, Instance } from '@bkg/sdk';
import type { Credentials, PluginConfig } from '@bkg/sdk';
import { defineWorker, worker } from '../busy/plugin.ts';

export interface WorkerOptions {
  url: string;
  credentials: Credentials;
  instance: string;
  /** How long each invocation takes. */
  ms: number;
  config: Partial<PluginConfig>;
}

const { url, credentials, instance, ms, config } = JSON.parse(process.argv[2] ?? '{}') as WorkerOptions;
const log = createLogger({}, { level: 'error' });
const connection = await connect({
  servers: [url],
  credentials,
  name: worker,
  identity: [worker, instance],
  log,
  signal: AbortSignal.timeout(10_000),
});
const options = { connection, instance, config: completeConfig(worker, config), log };
await new Instance(defineWorker(ms), options).start();
process.send?.({ ready: true });
