import type { PluginTelemetry } from '@bkg/sdk/protocol';
import { describe, expect, it } from 'vitest';
import { Readings } from '../src/lib/telemetry/readings.ts';

/** The heartbeat of a plugin that is asked ten times a second, and fails at every tenth. */
function beat(secs: number, more: Partial<PluginTelemetry> = {}): PluginTelemetry {
  return {
    plugin_id: 'p',
    cpu_percent: 1,
    memory_mb: 50,
    uptime_secs: 100 + secs,
    request_count: 1_000 + secs * 10,
    error_count: 100 + secs,
    last_error: '',
    in_flight: 0,
    queue_depth: 0,
    event_loop_lag_ms: 1,
    instances: 1,
    latency_ms: { p50: 0, p95: 0, p99: 0 },
    latency_buckets: [],
    ...more,
  };
}

const rates = ({ series }: Readings) => ({
  requests: series.recent.values.requests,
  errors: series.recent.values.errors,
});

describe('the readings of a page that has just been opened', () => {
  it('have no rate before two heartbeats came in time: the snapshot is of an earlier one', () => {
    const readings = new Readings();
    // The page opens 1.4 s after a heartbeat; the next one comes 0.6 s later.
    readings.add(beat(0), 1_400, true);
    readings.add(beat(2), 2_000);
    readings.add(beat(4), 4_000);
    expect(rates(readings)).toEqual({ requests: [NaN, NaN, 10], errors: [NaN, NaN, 1] });
    expect(readings.series.recent.values.memory).toEqual([50, 50, 50]);
  });

  it('take a heartbeat that comes right after the snapshot, so that the next has a rate', () => {
    const readings = new Readings();
    readings.add(beat(0), 1_900, true);
    expect(readings.add(beat(2), 2_000)).toBe(true);
    readings.add(beat(4), 4_000);
    expect(rates(readings).requests).toEqual([NaN, NaN, 10]);
  });
});

describe('the readings of a plugin', () => {
  it('do not count a heartbeat again that is told twice', () => {
    const readings = new Readings();
    readings.add(beat(0), 0);
    // Its state changed, and the last heartbeat came along.
    expect(readings.add(beat(0), 1_200)).toBe(false);
    readings.add(beat(2), 2_000);
    expect(rates(readings).requests).toEqual([NaN, 10]);
  });

  it('count on from the last heartbeat in time when a snapshot comes between', () => {
    const readings = new Readings();
    readings.add(beat(0), 0);
    readings.add(beat(2), 3_500, true);
    readings.add(beat(4), 4_000);
    expect(rates(readings).requests).toEqual([NaN, NaN, 10]);
  });

  it('have no rate for what waited for a lost connection', () => {
    const readings = new Readings();
    readings.add(beat(0), 0);
    readings.interrupt();
    readings.add(beat(20), 21_800);
    readings.add(beat(22), 22_000);
    readings.add(beat(24), 24_000);
    expect(rates(readings).requests).toEqual([NaN, NaN, NaN, 10]);
  });

  it('have no rate for heartbeats that were held up and come at once', () => {
    const readings = new Readings();
    readings.add(beat(0), 0);
    readings.add(beat(2), 4_000);
    readings.add(beat(4), 4_010);
    readings.add(beat(6), 6_000);
    readings.add(beat(8), 8_000);
    expect(rates(readings).requests).toEqual([NaN, 5, NaN, NaN, 10]);
  });

  it('go on of a service whose age nobody knows, though it is idle', () => {
    const readings = new Readings();
    for (const at of [0, 10_000, 20_000]) readings.add(beat(0, { uptime_secs: 0 }), at);
    expect(readings.series.recent.at).toEqual([0, 10_000, 20_000]);
  });

  it('note a restart, also between a snapshot and a heartbeat', () => {
    const readings = new Readings();
    readings.add(beat(0), 1_000, true);
    readings.add(beat(0, { uptime_secs: 1, request_count: 3, error_count: 0 }), 3_000);
    expect(readings.restarts).toEqual([3_000]);
  });
});
