import type { PluginTelemetry } from '@bkg/sdk/protocol';
import { describe, expect, it } from 'vitest';
import {
  drawLine,
  gapsOf,
  nearest,
  roundTop,
  tickLabels,
  timeTicks,
} from '../src/lib/telemetry/chart-scale.ts';
import { counted, metrics, readingOf, type Heard, type Reading } from '../src/lib/telemetry/rates.ts';
import { TelemetrySeries } from '../src/lib/telemetry/series.ts';

function heard(at: number, telemetry: Partial<PluginTelemetry>): Heard {
  return {
    at,
    telemetry: {
      plugin_id: 'p',
      cpu_percent: 1,
      memory_mb: 50,
      uptime_secs: 100 + at / 1_000,
      request_count: 0,
      error_count: 0,
      last_error: '',
      in_flight: 0,
      queue_depth: 0,
      event_loop_lag_ms: 0,
      instances: 1,
      latency_ms: { p50: 0, p95: 0, p99: 0 },
      latency_buckets: [],
      ...telemetry,
    },
  };
}

describe('rates', () => {
  it('come from what was counted between two readings', () => {
    const before = heard(0, { request_count: 100, error_count: 2, latency_buckets: [[3, 100]] });
    const now = heard(2_000, {
      request_count: 120,
      error_count: 3,
      latency_buckets: [
        [3, 100],
        [10, 20],
      ],
    });
    expect(readingOf(before, now)).toMatchObject({
      requests: 10,
      errors: 0.5,
      p50: 3.2,
      p99: 3.2,
      cpu: 1,
      memory: 50,
    });
  });

  it('are not known of the first reading, nor after a silence', () => {
    expect(readingOf(undefined, heard(0, { request_count: 5 })).requests).toBeNaN();
    expect(counted(heard(0, {}), heard(60_000, { request_count: 600 }))).toBeUndefined();
  });

  it('begin anew when the plugin was restarted', () => {
    const before = heard(0, { request_count: 5_000, error_count: 7 });
    const restarted = heard(2_000, { request_count: 3, error_count: 1, uptime_secs: 1.5 });
    expect(counted(before, restarted)).toMatchObject({ requests: 3, errors: 1, secs: 1.5 });
    // So quick that it has counted more already than before: its age tells.
    expect(
      counted(heard(0, { request_count: 3 }), heard(2_000, { request_count: 9, uptime_secs: 1 })),
    ).toMatchObject({ requests: 9 });
  });

  it('are not made up when instances come or go', () => {
    const two = heard(0, { request_count: 1_000, instances: 2 });
    expect(counted(two, heard(2_000, { request_count: 400, instances: 1 }))).toBeUndefined();
    expect(
      counted(heard(0, { request_count: 400 }), heard(2_000, { request_count: 9_000, instances: 2 })),
    ).toBeUndefined();
    expect(counted(two, heard(2_000, { request_count: 10, uptime_secs: 1, instances: 2 }))).toBeUndefined();
  });

  it('of a service that only counts leave out what it does not measure', () => {
    const plain = { cpu_percent: 0, memory_mb: 0 };
    const reading = readingOf(
      heard(0, { ...plain, request_count: 1 }),
      heard(1_000, { ...plain, request_count: 5 }),
    );
    expect(reading.requests).toBe(4);
    expect(metrics.filter((metric) => Number.isNaN(reading[metric]))).toEqual([
      'p50',
      'p95',
      'p99',
      'cpu',
      'memory',
    ]);
  });

  it('have no latency in a time without requests', () => {
    const idle = { request_count: 9, latency_buckets: [[4, 9]] as [number, number][] };
    const reading = readingOf(heard(0, idle), heard(2_000, idle));
    expect(reading.requests).toBe(0);
    expect(reading.p99).toBeNaN();
  });
});

describe('TelemetrySeries', () => {
  const reading = (value: number): Reading =>
    Object.fromEntries(metrics.map((metric) => [metric, value])) as Reading;

  it('keeps the last readings as they came, and all of the time in bounded room', () => {
    const series = new TelemetrySeries({ recentMost: 100, wholeMost: 50 });
    for (let i = 0; i < 10_000; i++) series.add(i * 1_000, reading(i));
    expect(series.recent.at.length).toBeLessThan(120);
    expect(series.recent.values.cpu.at(-1)).toBe(9_999);
    expect(series.whole.at.length).toBeLessThanOrEqual(50);
    expect(series.whole.at[0]).toBeLessThan(series.wholeStepMs);
    expect(series.whole.at.at(-1)).toBe(9_999_000);
  });

  it('joins neighbours to their mean, and to the worst of the slow ones', () => {
    const series = new TelemetrySeries({ wholeMost: 2 });
    for (const [i, value] of [10, 20, 40, NaN].entries()) series.add(i * 1_000, reading(value));
    expect(series.wholeStepMs).toBe(2_000);
    expect(series.whole.at).toEqual([1_000, 3_000]);
    expect(series.whole.values.requests).toEqual([15, 40]);
    expect(series.whole.values.p99).toEqual([20, 40]);
  });
});

describe('the drawing of a chart', () => {
  const frame = { from: 0, to: 100, width: 100, height: 10, top: 10 };

  it('interrupts the line where nothing was heard or measured, and dots what stands alone', () => {
    expect(drawLine(frame, [0, 10, 20, 50, 60], [0, 5, NaN, 10, 0], 15)).toEqual({
      line: 'M0.0 10.0L10.0 5.0M50.0 0.0L60.0 10.0',
      dots: '',
    });
    expect(drawLine(frame, [0, 50], [1, 1], 15)).toEqual({ line: '', dots: 'M0.0 9.0h0M50.0 9.0h0' });
    expect(drawLine({ ...frame, from: 15 }, [0, 10, 20], [1, 2, 3], 15).line).toBe('M-5.9 8.0L5.9 7.0');
  });

  it('names the stretches of silence, up to now', () => {
    expect(gapsOf([0, 10, 40], frame, 15)).toEqual([
      [10, 40],
      [40, 100],
    ]);
    expect(gapsOf([], frame, 15)).toEqual([]);
  });

  it('ends the axis at a round number', () => {
    expect([0, 0.3, 1, 7, 11, 20, 240, 251].map((value) => roundTop(value, 1))).toEqual([
      1, 1, 1, 10, 20, 20, 250, 500,
    ]);
  });

  it('marks round times', () => {
    const minute = 60_000;
    const ticks = timeTicks(10 * minute + 7, 20 * minute, 5);
    expect(ticks.length).toBeLessThanOrEqual(5);
    expect(ticks.every((tick) => tick % (2 * minute) === 0)).toBe(true);
  });

  it('has room for its times however long the page is open', () => {
    const day = 86_400_000;
    const to = Date.UTC(2026, 10, 28, 13);
    for (const days of [0.01, 1, 4, 9, 30, 400]) {
      const labels = tickLabels(timeTicks(to - days * day, to, 4));
      expect(labels.length, `${days} days`).toBeGreaterThan(0);
      expect(labels.length, `${days} days`).toBeLessThanOrEqual(5);
      expect(new Set(labels).size, `${days} days: ${labels.join()}`).toBeGreaterThan(labels.length / 2);
    }
    const midnight = new Date(2026, 10, 28).getTime();
    expect(tickLabels([midnight - day, midnight])).toEqual(['27 Nov', '28 Nov']);
    expect(tickLabels([midnight, midnight + 30_000])).toEqual(['00:00:00', '00:00:30']);
  });

  it('finds the reading of a moment, and none in a silence', () => {
    expect(nearest([0, 10, 20], 14, 5)).toBe(1);
    expect(nearest([0, 10, 20], 16, 5)).toBe(2);
    expect(nearest([0, 100], 50, 5)).toBeUndefined();
    expect(nearest([], 5, 5)).toBeUndefined();
  });
});
