import { latencyBucket, latencyPercentiles, round, subjects } from '@bkg/sdk';
import type { PluginTelemetry } from '@bkg/sdk';

/** The counters of one endpoint, as they were read. */
interface Counters {
  requests: number;
  errors: number;
  processingNs: number;
  lastError: string;
}

/** What was read of one instance so far, from which the next reading goes on. */
export interface StatsReading {
  /** How many there were before. */
  seq: number;
  telemetry: PluginTelemetry;
  /** When it says that it was started, RFC 3339; "" when it does not say so in a way that can be. */
  startedAt: string;
  endpoints: ReadonlyMap<string, Counters>;
}

/** So large that nothing ever counted that far, so small that the sum of all of a mesh is still exact. */
const countMost = 1e12;
const endpointsMost = 1_000;
const textMost = 1_000;
/** Programs that do not know when they started tend to say the year 1 or 1970. */
const startedFrom = Date.UTC(2000);

/**
 * An ADR-32 STATS reply as telemetry. Anybody may have written it: what is no number that can be counts as 0, and
 * counters that are lower than before are those of a service that has begun anew.
 *
 * Of its invocations only the average time is known. Those between two readings count with theirs: right for the
 * median as long as they are asked often, too low for p95 and p99.
 * @param at ms since the epoch
 */
export function readStats(
  id: string,
  reply: Record<string, unknown>,
  before: StatsReading | undefined,
  at: number,
): StatsReading {
  const startedMs = startOf(reply['started'], at);
  const startedAt = startedMs === undefined ? '' : new Date(startedMs).toISOString();
  const endpoints = endpointsOf(id, reply['endpoints']);
  const isSame = before?.startedAt === startedAt && !hasFallen(before.endpoints, endpoints);
  const known = isSame ? before : undefined;
  const all = [...endpoints.values()];
  const requests = sum(all.map((one) => one.requests));
  const buckets = latencyBuckets(known, endpoints);
  const telemetry: PluginTelemetry = {
    plugin_id: id,
    cpu_percent: 0,
    memory_mb: 0,
    uptime_secs: startedMs === undefined ? 0 : Math.floor((at - startedMs) / 1_000),
    request_count: requests,
    error_count: Math.min(requests, sum(all.map(({ errors }) => errors))),
    last_error: lastError(known, endpoints),
    in_flight: 0,
    queue_depth: 0,
    event_loop_lag_ms: 0,
    instances: 1,
    latency_ms: latencyPercentiles(buckets),
    latency_buckets: buckets,
  };
  return { seq: (before?.seq ?? -1) + 1, telemetry, startedAt, endpoints };
}

/** The endpoints that bkg invokes; a service may have others, which are nobody's invocations. */
function endpointsOf(id: string, value: unknown): Map<string, Counters> {
  const own = subjects.invoke(id);
  const found = new Map<string, Counters>();
  for (const endpoint of Array.isArray(value) ? value.slice(0, endpointsMost) : []) {
    const { subject, ...rest } = Object(endpoint) as Record<string, unknown>;
    if (typeof subject !== 'string' || !(subject === own || subject.startsWith(`${own}.`))) continue;
    // One with the same subject comes in a queue group of its own, or is a mistake: it is counted once.
    if (!found.has(subject)) found.set(subject, countersOf(rest));
  }
  return found;
}

function countersOf(endpoint: Record<string, unknown>): Counters {
  const requests = count(endpoint['num_requests']);
  const average = nanoseconds(endpoint['average_processing_time']);
  const lastError = endpoint['last_error'];
  return {
    requests,
    errors: count(endpoint['num_errors']),
    processingNs: nanoseconds(endpoint['processing_time']) || average * requests,
    lastError: typeof lastError === 'string' ? lastError.slice(0, textMost) : '',
  };
}

function hasFallen(before: ReadonlyMap<string, Counters>, now: ReadonlyMap<string, Counters>): boolean {
  return [...before].some(([subject, { requests, errors }]) => {
    const after = now.get(subject);
    return !after || after.requests < requests || after.errors < errors;
  });
}

function latencyBuckets(
  before: StatsReading | undefined,
  endpoints: ReadonlyMap<string, Counters>,
): [number, number][] {
  const buckets = new Map(before?.telemetry.latency_buckets);
  for (const [subject, { requests, processingNs }] of endpoints) {
    const known = before?.endpoints.get(subject);
    const more = requests - (known?.requests ?? 0);
    const ns = processingNs - (known?.processingNs ?? 0);
    // One that does not measure says 0, which nothing takes.
    if (more <= 0 || ns <= 0) continue;
    const bucket = latencyBucket(round(ns / more / 1e6, 6));
    buckets.set(bucket, (buckets.get(bucket) ?? 0) + more);
  }
  return [...buckets].sort(([a], [b]) => a - b);
}

/** Of several endpoints with errors, that of one which has failed since the last reading. */
function lastError(before: StatsReading | undefined, endpoints: ReadonlyMap<string, Counters>): string {
  const failed = [...endpoints].filter(([, { errors, lastError: text }]) => errors > 0 && text !== '');
  const isNew = ([subject, { errors }]: [string, Counters]): boolean =>
    errors > (before?.endpoints.get(subject)?.errors ?? 0);
  const latest = failed.findLast(isNew);
  return latest?.[1].lastError ?? before?.telemetry.last_error ?? '';
}

function startOf(value: unknown, at: number): number | undefined {
  const ms = typeof value === 'string' && value.length < 64 ? Date.parse(value) : NaN;
  return ms >= startedFrom && ms <= at ? ms : undefined;
}

function count(value: unknown): number {
  return typeof value === 'number' && value > 0 ? Math.min(countMost, Math.floor(value)) : 0;
}

function nanoseconds(value: unknown): number {
  return typeof value === 'number' && value > 0 ? Math.min(Number.MAX_SAFE_INTEGER, value) : 0;
}

function sum(values: readonly number[]): number {
  return Math.min(
    countMost,
    values.reduce((total, value) => total + value, 0),
  );
}
