import { latencyPercentiles, type PluginTelemetry } from '@bkg/sdk/protocol';

/** A telemetry and when it arrived, in ms since the epoch. */
export interface Heard {
  at: number;
  telemetry: PluginTelemetry;
}

export const metrics = [
  'requests',
  'errors',
  'p50',
  'p95',
  'p99',
  'cpu',
  'memory',
  'lag',
  'inFlight',
  'queued',
] as const;
export type Metric = (typeof metrics)[number];

/** What one reading says, each in the unit of its chart; NaN is what it does not say. */
export type Reading = Record<Metric, number>;

/** A heartbeat comes every 2 s; of services that are asked in their place at most every 10 s. */
const shortestSilenceMs = 7_000;
const intervalsKept = 7;

/** After a longer silence nothing is known of the time between: a few times what is usual for this plugin. */
export function silenceOf(intervalsMs: readonly number[]): number {
  const sorted = intervalsMs.slice(-intervalsKept).sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
  return Math.min(60_000, Math.max(shortestSilenceMs, median * 3.5));
}

/** @param silenceMs after which a difference says nothing any more */
export function readingOf(before: Heard | undefined, now: Heard, silenceMs = shortestSilenceMs): Reading {
  const { telemetry } = now;
  // No process runs in 0 MB: a zero there means that nobody measured.
  const measured = (value: number) => (telemetry.memory_mb > 0 ? value : NaN);
  const since = before && counted(before, now, silenceMs);
  const latency = since && since.requests > 0 ? latencyPercentiles(since.buckets) : undefined;
  const known = latency && since && since.buckets.length > 0 ? latency : { p50: NaN, p95: NaN, p99: NaN };
  return {
    requests: since ? since.requests / since.secs : NaN,
    errors: since ? since.errors / since.secs : NaN,
    ...known,
    cpu: measured(telemetry.cpu_percent),
    memory: measured(telemetry.memory_mb),
    lag: telemetry.event_loop_lag_ms,
    inFlight: telemetry.in_flight,
    queued: telemetry.queue_depth,
  };
}

export interface Counted {
  requests: number;
  errors: number;
  buckets: [number, number][];
  secs: number;
}

/** Whether counters began anew between the two. */
export function hasRestarted(before: PluginTelemetry, now: PluginTelemetry): boolean {
  return (
    now.request_count < before.request_count ||
    now.error_count < before.error_count ||
    // Both are said in whole seconds or finer, by clocks that need not agree to the second.
    now.uptime_secs < before.uptime_secs - 1
  );
}

/**
 * What happened between two readings of counters. A restart sets counters to zero: of a single instance what it
 * counted since is known. Undefined after a silence, and when instances came or went: their sums are no longer
 * about the same.
 */
export function counted(before: Heard, now: Heard, silenceMs = shortestSilenceMs): Counted | undefined {
  const secs = (now.at - before.at) / 1_000;
  if (secs <= 0 || now.at - before.at > silenceMs) return undefined;
  const [then, since] = [before.telemetry, now.telemetry];
  if (then.instances !== since.instances) return undefined;
  if (hasRestarted(then, since)) {
    if (since.instances > 1) return undefined;
    const { request_count: requests, error_count: errors, latency_buckets: buckets } = since;
    return { requests, errors, buckets, secs: Math.max(0.5, Math.min(secs, since.uptime_secs || secs)) };
  }
  const earlier = new Map(then.latency_buckets);
  const buckets = since.latency_buckets.map(([i, n]): [number, number] => [i, n - (earlier.get(i) ?? 0)]);
  return {
    requests: since.request_count - then.request_count,
    errors: since.error_count - then.error_count,
    buckets: buckets.filter(([, n]) => n > 0),
    secs,
  };
}
