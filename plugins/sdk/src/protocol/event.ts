import type { Status } from './status.ts';
import { isStatus } from './status.ts';
import { latencyBucketCount } from './telemetry.ts';
import type { PluginTelemetry } from './telemetry.ts';

/** An instance's answer to `plugin.<id>.status`, and its status event. */
export interface StatusEvent {
  id: string;
  instance: string;
  status: Status;
  version: string;
  started_at: string;
  host?: string;
  pid?: number;
  /** It is `starting`, could take invocations, and waits for `ctl.<instance>.admit`. */
  held?: boolean;
  error?: string;
  /** From the supervisor: its process is gone, and how. What it held gets no answer any more. */
  ended?: InstanceEnding;
  /** With `ended`: the other instances that may hold what was sent before, at most 256. */
  others?: OtherInstance[];
}

export const instanceEndings = ['stopped', 'crashed', 'out_of_memory'] as const;
export type InstanceEnding = (typeof instanceEndings)[number];

export interface OtherInstance {
  instance: string;
  /** Whether it answers `plugin.<id>.inflight`; one without the SDK does not. */
  inflight: boolean;
}

/** A larger event counts for nothing. */
export const eventMostBytes = 128 * 1024;

/** Between two heartbeats, when nobody has said otherwise. */
export const heartbeatDefaultMs = 2_000;
export const heartbeatLeastMs = 500;
export const heartbeatMostMs = 120_000;
/** So many come from all instances of a large mesh, about: the supervisor tells them how often to beat. */
export const heartbeatsPerSecond = 25;

/** Whether an instance may be told to beat so often. */
export function isHeartbeatMs(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= heartbeatLeastMs && Number(value) <= heartbeatMostMs;
}

/** The telemetry event, which is the heartbeat. */
export interface Heartbeat {
  seq: number;
  status: Status;
  version: string;
  started_at: string;
  host?: string;
  pid?: number;
  /** As in its status events. */
  held?: boolean;
  /** Changes when what the instance says of itself changes. */
  descriptor: string;
  /** Until the next one, jittered by a tenth; absent: 2000, and it cannot be told otherwise. */
  every_ms?: number;
  telemetry: PluginTelemetry;
  /** `supervisor`: published in the name of an instance that publishes no events itself. */
  by?: string;
}

/** Anybody may publish an event: it counts only when it has the shape and speaks of who its subject names. */
export function isStatusEvent(value: unknown): value is StatusEvent {
  if (typeof value !== 'object' || value === null) return false;
  const { id, instance, status, version, started_at, held, error, ended, others } = value as Record<
    string,
    unknown
  >;
  return (
    [id, instance, version, started_at].every(isText) &&
    isStatus(status) &&
    hasPlace(value) &&
    (held === undefined || typeof held === 'boolean') &&
    (error === undefined || isText(error)) &&
    (ended === undefined || instanceEndings.some((known) => known === ended)) &&
    (others === undefined || (Array.isArray(others) && others.every(isOther)))
  );
}

function isOther(value: unknown): boolean {
  const { instance, inflight } = Object(value) as Record<string, unknown>;
  return isText(instance) && typeof inflight === 'boolean';
}

export function isHeartbeat(value: unknown): value is Heartbeat {
  if (typeof value !== 'object' || value === null) return false;
  const { seq, status, version, started_at, held, descriptor, every_ms, telemetry, by } = value as Record<
    string,
    unknown
  >;
  return (
    isCount(seq) &&
    (every_ms === undefined || isCount(every_ms)) &&
    (by === undefined || isText(by)) &&
    (held === undefined || typeof held === 'boolean') &&
    isStatus(status) &&
    [version, started_at, descriptor].every(isText) &&
    hasPlace(value) &&
    isTelemetry(telemetry)
  );
}

const telemetryNumbers = [
  'cpu_percent',
  'memory_mb',
  'uptime_secs',
  'event_loop_lag_ms',
] as const satisfies (keyof PluginTelemetry)[];
const telemetryCounts = [
  'request_count',
  'error_count',
  'in_flight',
  'queue_depth',
  'instances',
] as const satisfies (keyof PluginTelemetry)[];

/** Everything that is added up later: one missing number would make the whole plugin's NaN. */
function isTelemetry(value: unknown): value is PluginTelemetry {
  if (typeof value !== 'object' || value === null) return false;
  const { plugin_id, last_error, latency_ms, latency_buckets, ...rest } = value as Record<string, unknown>;
  return (
    telemetryNumbers.every((name) => Number.isFinite(rest[name])) &&
    telemetryCounts.every((name) => isCount(rest[name])) &&
    [plugin_id, last_error].every(isText) &&
    isPercentiles(latency_ms) &&
    Array.isArray(latency_buckets) &&
    latency_buckets.every(isBucket)
  );
}

function isPercentiles(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { p50, p95, p99 } = value as Record<string, unknown>;
  return [p50, p95, p99].every(Number.isFinite);
}

function isBucket(pair: unknown): boolean {
  return (
    Array.isArray(pair) && pair.length === 2 && pair.every(isCount) && Number(pair[0]) < latencyBucketCount
  );
}

/** Where the instance runs is left out by those who do not know it. */
function hasPlace(value: object): boolean {
  const { host, pid } = value as Record<string, unknown>;
  return (host === undefined || isText(host)) && (pid === undefined || isCount(pid));
}

function isText(value: unknown): boolean {
  return typeof value === 'string';
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
