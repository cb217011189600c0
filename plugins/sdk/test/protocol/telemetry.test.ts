import { describe, expect, it } from 'vitest';
import {
  latencyBound,
  latencyBucket,
  latencyBucketCount,
  latencyPercentile,
  latencyPercentiles,
  mergeTelemetry,
} from '../../src/protocol/telemetry.ts';
import type { PluginTelemetry } from '../../src/protocol/telemetry.ts';
import { createRandom } from './random.ts';

const indices = Array.from({ length: latencyBucketCount }, (_, i) => i);

function telemetry(changes: Partial<PluginTelemetry> = {}): PluginTelemetry {
  return { ...mergeTelemetry('echo', []), instances: 1, ...changes };
}

describe('the latency buckets', () => {
  it('grow by the square root of two from 0.1 ms to 74 s', () => {
    expect(latencyBound(0)).toBe(0.1);
    expect(latencyBound(2)).toBeCloseTo(0.2);
    expect(latencyBound(latencyBucketCount - 1)).toBeCloseTo(74_145.52, 2);
  });

  it('hold what took at most their bound and longer than the one before', () => {
    for (const i of indices) {
      expect(latencyBucket(latencyBound(i))).toBe(i);
      expect(latencyBucket(latencyBound(i) * 1.000_001)).toBe(Math.min(i + 1, latencyBucketCount - 1));
      expect(latencyBucket(latencyBound(i) * 0.999_999)).toBe(i);
    }
    const { next } = createRandom(3);
    for (let n = 0; n < 5_000; n += 1) {
      const durationMs = 10 ** (next() * 7 - 2);
      const i = latencyBucket(durationMs);
      if (i < latencyBucketCount - 1) expect(durationMs).toBeLessThanOrEqual(latencyBound(i));
      if (i > 0) expect(durationMs).toBeGreaterThan(latencyBound(i - 1));
    }
  });

  it('have a place for every duration', () => {
    expect([0, -1, 0.05, 0.1].map(latencyBucket)).toEqual([0, 0, 0, 0]);
    expect([75_000, 1e9, Infinity].map(latencyBucket)).toEqual([39, 39, 39]);
  });
});

describe('a percentile', () => {
  it('is the bound of the bucket in which it lies, rounded to hundredths', () => {
    const buckets: [number, number][] = [
      [0, 50],
      [10, 45],
      [20, 5],
    ];
    expect(latencyPercentile(buckets, 0.5)).toBe(0.1);
    expect(latencyPercentile(buckets, 0.51)).toBe(3.2);
    expect(latencyPercentiles(buckets)).toEqual({ p50: 0.1, p95: 3.2, p99: 102.4 });
  });

  it('is 0 when there was no invocation', () => {
    expect(latencyPercentiles([])).toEqual({ p50: 0, p95: 0, p99: 0 });
    expect(latencyPercentile([[3, 0]], 0.5)).toBe(0);
  });

  it('does not depend on the order of the buckets', () => {
    expect(latencyPercentile([[20, 1], [1, 98], [10, 1]], 0.99)).toBe(3.2); // prettier-ignore
  });

  it('lies within one bucket of what was measured', () => {
    const { next } = createRandom(4);
    const durations = Array.from({ length: 1_000 }, () => 10 ** (next() * 4 - 1)).sort((a, b) => a - b);
    const counts = Map.groupBy(durations, latencyBucket);
    const buckets = [...counts].map(([i, those]): [number, number] => [i, those.length]);
    for (const share of [0.5, 0.95, 0.99]) {
      const exact = durations[Math.ceil(durations.length * share) - 1]!;
      const read = latencyPercentile(buckets, share);
      expect(read).toBeGreaterThanOrEqual(exact - 0.005);
      expect(read).toBeLessThanOrEqual(exact * Math.SQRT2 + 0.005);
    }
  });
});

describe('the telemetry of several instances', () => {
  it('adds up counts and buckets, takes the oldest uptime, the worst lag and the latest error', () => {
    const first = telemetry({
      cpu_percent: 12.25,
      memory_mb: 100.1,
      uptime_secs: 60,
      request_count: 10,
      error_count: 1,
      last_error: 'BUSY: full',
      in_flight: 2,
      queue_depth: 3,
      event_loop_lag_ms: 1.5,
      latency_buckets: [
        [0, 9],
        [20, 1],
      ],
    });
    const second = telemetry({
      cpu_percent: 30.1,
      memory_mb: 50.2,
      uptime_secs: 5,
      request_count: 90,
      in_flight: 1,
      event_loop_lag_ms: 0.5,
      latency_buckets: [
        [0, 40],
        [10, 50],
      ],
    });
    expect(mergeTelemetry('echo', [first, second])).toEqual({
      plugin_id: 'echo',
      cpu_percent: 42.4,
      memory_mb: 150.3,
      uptime_secs: 60,
      request_count: 100,
      error_count: 1,
      last_error: 'BUSY: full',
      in_flight: 3,
      queue_depth: 3,
      event_loop_lag_ms: 1.5,
      instances: 2,
      latency_ms: { p50: 3.2, p95: 3.2, p99: 3.2 },
      latency_buckets: [
        [0, 49],
        [10, 50],
        [20, 1],
      ],
    });
    expect(mergeTelemetry('echo', [first, telemetry({ last_error: 'INTERNAL: later' })]).last_error).toBe(
      'INTERNAL: later',
    );
  });

  it('is all zeros when there is none', () => {
    expect(mergeTelemetry('echo', [])).toEqual({
      plugin_id: 'echo',
      cpu_percent: 0,
      memory_mb: 0,
      uptime_secs: 0,
      request_count: 0,
      error_count: 0,
      last_error: '',
      in_flight: 0,
      queue_depth: 0,
      event_loop_lag_ms: 0,
      instances: 0,
      latency_ms: { p50: 0, p95: 0, p99: 0 },
      latency_buckets: [],
    });
  });

  it('of one is that one, and merging in two steps is merging in one', () => {
    const { below } = createRandom(5);
    const parts = Array.from({ length: 6 }, () => {
      const latency_buckets = indices
        .filter(() => below(4) === 0)
        .map((i): [number, number] => [i, 1 + below(50)]);
      return telemetry({
        uptime_secs: below(1_000),
        request_count: below(1_000),
        error_count: below(10),
        last_error: below(2) ? `E${below(100)}` : '',
        in_flight: below(10),
        latency_buckets,
        latency_ms: latencyPercentiles(latency_buckets),
      });
    });
    for (const part of parts) expect(mergeTelemetry('echo', [part])).toEqual(part);
    const halves = [parts.slice(0, 3), parts.slice(3)].map((some) => mergeTelemetry('echo', some));
    expect(mergeTelemetry('echo', halves)).toEqual(mergeTelemetry('echo', parts));
  });
});
