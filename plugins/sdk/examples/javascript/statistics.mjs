/** What a plugin counts and measures of itself: for `$SRV.STATS`, and for the telemetry of its heartbeat. */
import { monitorEventLoopDelay } from 'node:perf_hooks';

const bucketCount = 40;

export class Statistics {
  #pluginId;
  #total = zero();
  #endpoints;
  #buckets = new Map();
  #startedAt = performance.now();
  #lag = monitorEventLoopDelay();
  #usage = { at: performance.now(), cpu: process.cpuUsage(), percent: 0, lagMs: 0 };

  constructor(pluginId, capabilities) {
    this.#pluginId = pluginId;
    this.#endpoints = new Map(capabilities.map((capability) => [capability, zero()]));
    this.#lag.enable();
  }

  /** Every invocation once, when it is answered. @param error `CODE: detail` when it failed */
  count(capability, durationMs, error) {
    for (const counts of [this.#total, this.#endpoints.get(capability)]) {
      // What nobody has counts for the plugin only.
      if (!counts) continue;
      counts.requests += 1;
      counts.processingNs += Math.round(durationMs * 1e6);
      if (error === undefined) continue;
      counts.errors += 1;
      counts.lastError = error;
    }
    const bucket = bucketOf(durationMs);
    this.#buckets.set(bucket, (this.#buckets.get(bucket) ?? 0) + 1);
  }

  /** As the NATS service API wants it: whole numbers, times in nanoseconds. */
  endpoint(capability) {
    const { requests, errors, lastError, processingNs } = this.#endpoints.get(capability);
    return {
      num_requests: requests,
      num_errors: errors,
      last_error: lastError,
      processing_time: processingNs,
      average_processing_time: requests === 0 ? 0 : Math.round(processingNs / requests),
    };
  }

  /** Once per heartbeat: what the process has used since the last time. */
  measure() {
    const { at, cpu } = this.#usage;
    const { user, system } = process.cpuUsage(cpu);
    const percent = (user + system) / 10 / Math.max(1, performance.now() - at);
    const lagMs = this.#lag.count > 0 ? this.#lag.percentile(99) / 1e6 : 0;
    this.#lag.reset();
    this.#usage = { at: performance.now(), cpu: process.cpuUsage(), percent, lagMs };
  }

  telemetry(inFlight, waiting) {
    const buckets = [...this.#buckets].sort(([a], [b]) => a - b);
    const [p50, p95, p99] = [0.5, 0.95, 0.99].map((share) => percentile(buckets, share));
    return {
      plugin_id: this.#pluginId,
      cpu_percent: tenths(this.#usage.percent),
      memory_mb: tenths(process.memoryUsage.rss() / 1_048_576),
      uptime_secs: Math.round((performance.now() - this.#startedAt) / 1_000),
      request_count: this.#total.requests,
      error_count: this.#total.errors,
      last_error: this.#total.lastError,
      in_flight: inFlight,
      queue_depth: waiting,
      event_loop_lag_ms: tenths(this.#usage.lagMs),
      instances: 1,
      latency_ms: { p50, p95, p99 },
      latency_buckets: buckets,
    };
  }
}

function zero() {
  return { requests: 0, errors: 0, lastError: '', processingNs: 0 };
}

/** The first whose upper bound, 0.1 ms · 2^(i/2), is not below the duration. */
function bucketOf(durationMs) {
  const i = Math.ceil(2 * Math.log2(Math.max(durationMs, 0.1) / 0.1));
  return Math.min(i, bucketCount - 1);
}

/** The upper bound of the bucket in which this share of all invocations has ended. */
function percentile(buckets, share) {
  const total = buckets.reduce((sum, [, n]) => sum + n, 0);
  let seen = 0;
  const found = buckets.find(([, n]) => (seen += n) >= total * share);
  return found ? Math.round(100 * 0.1 * 2 ** (found[0] / 2)) / 100 : 0;
}

function tenths(value) {
  return Math.round(value * 10) / 10;
}
