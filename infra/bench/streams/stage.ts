import { completeConfig } from '@bkg/sdk';
import type { Connection, PluginConfig } from '@bkg/sdk';
import { startNatsServer } from '@bkg/sdk/testing';
import { Program } from '../program.ts';
import type { GatewayOptions } from '../programs/gateway.ts';
import type { StreamerOptions } from '../programs/streamer.ts';
import { entryOf } from '../registry-entry.ts';
import type { Pace } from './pace.ts';
import { defineStreamer, streamer } from './plugin.ts';

/** Whose memory and CPU count. */
export const processes = ['nats-server', 'gateway', 'plugin'] as const;
export type ProcessName = (typeof processes)[number];

export function eachProcess<T>(of: (name: ProcessName) => T): Record<ProcessName, T> {
  return Object.fromEntries(processes.map((name) => [name, of(name)])) as Record<ProcessName, T>;
}

const config: Partial<PluginConfig> = {
  resources: { timeout_secs: 3_600, max_memory_mb: 4_096, max_cpu_percent: 400, max_processes: 256 },
  limits: { max_concurrency: 2_000, max_queue: 2_000, max_upload_mb: 16_384 },
};

/** A nats-server, the plugin that streams and a gateway, each in a process of its own; the client is this one. */
export class Stage implements AsyncDisposable {
  readonly #stack: AsyncDisposableStack;
  /** Of the gateway. */
  readonly port: number;
  readonly pids: Readonly<Record<ProcessName, number>>;
  /** Of a client over NATS. */
  readonly connection: Connection;

  /** @param pace at which the plugin reads what is uploaded */
  static async start(pace: Pace = { bytesPerSecond: Infinity, slowMs: 0 }): Promise<Stage> {
    await using starting = new AsyncDisposableStack();
    const nats = starting.use(await startNatsServer({ jetstream: false }));
    const { url, credentials } = nats;
    const plugin: StreamerOptions = { url, credentials, pace, config };
    const program = starting.use(await Program.start('streamer.ts', plugin));
    const entries = [entryOf(defineStreamer(pace), completeConfig(streamer, config))];
    const options: GatewayOptions = { url, credentials, joinWrites: true, entries, noAuth: true };
    const gateway = starting.use(await Program.start('gateway.ts', options));
    const pids = { 'nats-server': nats.pid, gateway: gateway.pid, plugin: program.pid };
    const connection = await nats.connect('client');
    return new Stage(starting.move(), { port: Number(gateway.ready), pids, connection });
  }

  constructor(stack: AsyncDisposableStack, parts: Pick<Stage, 'port' | 'pids' | 'connection'>) {
    this.#stack = stack;
    this.port = parts.port;
    this.pids = parts.pids;
    this.connection = parts.connection;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}
