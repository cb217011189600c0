import { createHash } from 'node:crypto';
import type { Dispatcher } from './dispatcher.ts';
import { delay } from './host/delay.ts';
import type { Heartbeat } from './protocol/event.ts';
import type { Descriptor } from './protocol/micro.ts';
import { latencyPercentiles } from './protocol/telemetry.ts';
import type { PluginTelemetry } from './protocol/telemetry.ts';
import { UsageMeter } from './usage.ts';

export interface HeartbeatsOptions {
  descriptor: Descriptor;
  dispatcher: Dispatcher;
  startedAt: Date;
  /** What the instance says of itself in its status events too. */
  self: () => Omit<Heartbeat, 'seq' | 'descriptor' | 'telemetry' | 'by'>;
  publish: (heartbeat: Heartbeat) => void;
  /** Between two of them, jittered by a tenth. */
  everyMs: number;
}

/** What an instance measures of itself, and publishes as the sign that it lives. */
export class Heartbeats {
  readonly #options: HeartbeatsOptions;
  readonly #descriptorHash: string;
  readonly #usage = new UsageMeter();
  #sequence = 0;

  constructor(options: HeartbeatsOptions) {
    this.#options = options;
    this.#descriptorHash = createHash('sha256')
      .update(JSON.stringify(options.descriptor))
      .digest('hex')
      .slice(0, 32);
  }

  /** The counts are those of now, the usage is that of the last heartbeat. */
  telemetry(): PluginTelemetry {
    const { descriptor, dispatcher, startedAt } = this.#options;
    const { requests, errors, lastError, buckets } = dispatcher.statistics;
    return {
      plugin_id: descriptor.id,
      ...this.#usage.last,
      uptime_secs: Math.round((Date.now() - startedAt.getTime()) / 1_000),
      request_count: requests,
      error_count: errors,
      last_error: lastError,
      in_flight: dispatcher.inFlight,
      queue_depth: dispatcher.queued,
      instances: 1,
      latency_ms: latencyPercentiles(buckets),
      latency_buckets: buckets,
    };
  }

  /** One at once, then until `signal` aborts. Jittered, so that a thousand instances do not beat together. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.beat();
      const jitteredMs = this.#options.everyMs * (0.9 + Math.random() * 0.2);
      // Its one failure is the signal's, which ends the loop.
      await delay(jitteredMs, signal).catch(() => undefined);
    }
  }

  /** One besides those of `run`. */
  beat(): void {
    this.#usage.sample();
    this.#options.publish({
      seq: this.#sequence++,
      ...this.#options.self(),
      descriptor: this.#descriptorHash,
      telemetry: this.telemetry(),
    });
  }

  /** It measures nothing any more. */
  close(): void {
    this.#usage.close();
  }
}
