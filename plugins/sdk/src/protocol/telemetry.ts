/** What an instance measures of itself, or the sum over several instances. */
export interface PluginTelemetry {
  plugin_id: string;
  /** Of one core: 200 is two cores busy. */
  cpu_percent: number;
  memory_mb: number;
  uptime_secs: number;
  request_count: number;
  error_count: number;
  /** "" when there was none. */
  last_error: string;
  in_flight: number;
  queue_depth: number;
  event_loop_lag_ms: number;
  instances: number;
  latency_ms: { p50: number; p95: number; p99: number };
  /** Pairs `[i, n]`: n invocations took at most 0.1 ms · 2^(i/2) and longer than the bound of i-1. */
  latency_buckets: [number, number][];
}

export const latencyBucketCount = 40;

/** Upper bound of bucket `i` in milliseconds. */
export function latencyBound(i: number): number {
  return 0.1 * 2 ** (i / 2);
}

/** The bucket of a duration; what is longer than the last bound (74 s) counts in the last bucket. */
export function latencyBucket(durationMs: number): number {
  if (durationMs <= latencyBound(0)) return 0;
  const i = Math.ceil(2 * Math.log2(durationMs / latencyBound(0)));
  // The logarithm is inexact: at a bound it may land on the far side.
  const exact = durationMs <= latencyBound(i - 1) ? i - 1 : i;
  return Math.min(latencyBucketCount - 1, exact);
}

/** The upper bound in ms of the bucket in which the given share (0 to 1) of all invocations lies; 0 without any. */
export function latencyPercentile(buckets: readonly [number, number][], share: number): number {
  const total = buckets.reduce((sum, [, n]) => sum + n, 0);
  if (total === 0) return 0;
  let rest = Math.ceil(total * share);
  for (const [i, n] of [...buckets].sort(([a], [b]) => a - b)) {
    rest -= n;
    if (rest <= 0) return round(latencyBound(i), 2);
  }
  return round(latencyBound(latencyBucketCount - 1), 2);
}

export function latencyPercentiles(buckets: readonly [number, number][]): PluginTelemetry['latency_ms'] {
  return {
    p50: latencyPercentile(buckets, 0.5),
    p95: latencyPercentile(buckets, 0.95),
    p99: latencyPercentile(buckets, 0.99),
  };
}

/** One telemetry for several instances: counts add up, uptime is the oldest, lag the worst, `last_error` the latest given. */
export function mergeTelemetry(pluginId: string, parts: readonly PluginTelemetry[]): PluginTelemetry {
  const merged = new Map<number, number>();
  for (const [i, n] of parts.flatMap((part) => part.latency_buckets)) merged.set(i, (merged.get(i) ?? 0) + n);
  const buckets = [...merged].sort(([a], [b]) => a - b);
  const sum = (pick: (part: PluginTelemetry) => number) =>
    parts.reduce((total, part) => total + pick(part), 0);
  const most = (pick: (part: PluginTelemetry) => number) =>
    parts.reduce((top, part) => Math.max(top, pick(part)), 0);
  return {
    plugin_id: pluginId,
    cpu_percent: round(
      sum((part) => part.cpu_percent),
      1,
    ),
    memory_mb: round(
      sum((part) => part.memory_mb),
      1,
    ),
    uptime_secs: most((part) => part.uptime_secs),
    request_count: sum((part) => part.request_count),
    error_count: sum((part) => part.error_count),
    last_error: parts.findLast((part) => part.last_error !== '')?.last_error ?? '',
    in_flight: sum((part) => part.in_flight),
    queue_depth: sum((part) => part.queue_depth),
    event_loop_lag_ms: most((part) => part.event_loop_lag_ms),
    instances: sum((part) => part.instances),
    latency_ms: latencyPercentiles(buckets),
    latency_buckets: buckets,
  };
}

export function round(value: number, digits: number): number {
  const factor = 10 ** digits;
  return Math.round(value * factor) / factor;
}
