/** The plugin of the streams, and beside it what publishes without asking anybody. Options: see `StreamerOptions`. */
import { completeConfig, connect, createLogger, Instance } from '@bkg/sdk';
import type { Credentials, PluginConfig } from '@bkg/sdk';
import type { Pace } from '../streams/pace.ts';
import { defineStreamer, streamer } from '../streams/plugin.ts';
import { publishRaw } from '../streams/raw.ts';

export interface StreamerOptions {
  url: string;
  credentials: Credentials;
  /** Of reading uploads. */
  pace: Pace;
  config: Partial<PluginConfig>;
}

const { url, credentials, pace, config } = JSON.parse(process.argv[2] ?? '{}') as StreamerOptions;
const log = createLogger({}, { level: 'warn' });
const broker = { servers: [url], credentials, log, signal: AbortSignal.timeout(10_000) };
const connection = await connect({ ...broker, name: streamer, identity: [streamer, 'bench'] });
const raw = await connect({ ...broker, name: 'raw', identity: ['raw'], joinWrites: false });
publishRaw(raw.nats);
await raw.flush();
await new Instance(defineStreamer(pace), {
  connection,
  instance: 'bench',
  config: completeConfig(streamer, config),
  log,
}).start();
process.send?.({ ready: true });
