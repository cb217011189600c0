import { createHash } from 'node:crypto';
import type { Dispatcher } from './dispatcher.ts';
import { BkgError } from './protocol/errors.ts';
import { heartbeatLeastMs, heartbeatMostMs, isHeartbeatMs } from './protocol/event.ts';
import type { Heartbeat } from './protocol/event.ts';
import { isRecord } from './protocol/is-record.ts';
import type { Descriptor } from './protocol/micro.ts';
import { latencyPercentiles } from './protocol/telemetry.ts';
import type { PluginTelemetry } from './protocol/telemetry.ts';
import { UsageMeter } from './usage.ts';
import type { Usage } from './usage.ts';

export interface HeartbeatsOptions {
  descriptor: Descriptor;
  dispatcher: Dispatcher;
  startedAt: Date;
  /** What the instance says of itself in its status events too. */
  self: () => Omit<Heartbeat, 'seq' | 'descriptor' | 'every_ms' | 'telemetry' | 'by'>;
  publish: (heartbeat: Heartbeat) => void;
  /** Between two of them, jittered by a tenth. */
  everyMs: number;
}

/** What an instance measures of itself, and publishes as the sign that it lives. */
export class Heartbeats {
  readonly #options: HeartbeatsOptions;
  readonly #descriptorHash: string;
  readonly #usage = new UsageMeter();
  #everyMs: number;
  #sequence = 0;
  #running: AbortSignal | undefined;
  #next: NodeJS.Timeout | undefined;

  constructor(options: HeartbeatsOptions) {
    this.#options = options;
    this.#everyMs = options.everyMs;
    this.#descriptorHash = descriptorHash(options.descriptor);
  }

  /** The counts are those of now, the usage is that of the last heartbeat. */
  telemetry(): PluginTelemetry {
    return telemetryOf(this.#options, this.#usage.last);
  }

  /** One at once, then until `signal` aborts. */
  run(signal: AbortSignal): void {
    if (signal.aborted) return;
    this.#running = signal;
    signal.addEventListener('abort', () => clearTimeout(this.#next), { once: true });
    this.#beatOn();
  }

  /** From now on, which is with one at once. The second comes sooner, at any time: many may be told together. */
  set everyMs(ms: number) {
    this.#everyMs = ms;
    if (this.#running && !this.#running.aborted) this.#beatOn(ms * (0.5 + Math.random() * 0.5));
  }

  /** One besides those in time. */
  beat(): void {
    this.#usage.sample();
    this.#options.publish({
      seq: this.#sequence++,
      ...this.#options.self(),
      descriptor: this.#descriptorHash,
      every_ms: this.#everyMs,
      telemetry: this.telemetry(),
    });
  }

  /** It measures nothing any more. */
  close(): void {
    this.#usage.close();
  }

  /** Jittered, so that a thousand instances do not beat together. */
  #beatOn(nextMs = this.#everyMs * (0.9 + Math.random() * 0.2)): void {
    clearTimeout(this.#next);
    this.beat();
    this.#next = setTimeout(() => this.#beatOn(), nextMs);
  }
}

/** Of what an instance says of itself: another one when that changes. */
export function descriptorHash(descriptor: Descriptor): string {
  return createHash('sha256').update(JSON.stringify(descriptor)).digest('hex').slice(0, 32);
}

/** What an instance has counted, beside what its process takes. */
export function telemetryOf(
  { descriptor, dispatcher, startedAt }: Pick<HeartbeatsOptions, 'descriptor' | 'dispatcher' | 'startedAt'>,
  usage: Usage,
): PluginTelemetry {
  const { requests, errors, lastError, buckets } = dispatcher.statistics;
  return {
    plugin_id: descriptor.id,
    ...usage,
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

/**
 * What an order to an instance says of its heartbeats.
 * @returns undefined when it is about something else
 * @throws BkgError INVALID_PAYLOAD
 */
export function heartbeatMsIn(order: unknown): number | undefined {
  if (!isRecord(order) || !('heartbeat_ms' in order)) return undefined;
  const { heartbeat_ms: everyMs, ...others } = order;
  if (Object.keys(others).length > 0)
    throw invalidOrder('stands beside other members, and is an order of its own', 'must stand alone');
  if (isHeartbeatMs(everyMs)) return everyMs;
  const allowed = `whole milliseconds from ${heartbeatLeastMs} to ${heartbeatMostMs}`;
  const given = JSON.stringify(everyMs).slice(0, 64);
  throw invalidOrder(`is ${given}: it takes ${allowed}`, `must be ${allowed}`);
}

function invalidOrder(what: string, message: string): BkgError {
  const errors = [{ path: '/heartbeat_ms', message }];
  return new BkgError('INVALID_PAYLOAD', `heartbeat_ms ${what}.`, { errors });
}
