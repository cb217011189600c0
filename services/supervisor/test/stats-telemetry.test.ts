import { describe, expect, it } from 'vitest';
import { isHeartbeat, mergeTelemetry } from '@bkg/sdk';
import type { PluginTelemetry } from '@bkg/sdk';
import { readStats } from '../src/stats-telemetry.ts';
import { hostile, randomOf } from './hostile.ts';

const at = Date.parse('2026-11-24T08:01:40.900Z');
const endpoint = (more: object = {}) => ({
  name: 'do',
  subject: 'plugin.svc.invoke.do',
  queue_group: 'q',
  num_requests: 10,
  num_errors: 2,
  last_error: '400:it was wrong',
  processing_time: 40_000_000,
  average_processing_time: 4_000_000,
  ...more,
});
const reply = (...endpoints: unknown[]) => ({ started: '2026-11-24T08:00:00Z', endpoints });
const read = (value: Record<string, unknown>, before?: ReturnType<typeof readStats>) =>
  readStats('svc', value, before, at);
const isTelemetry = (telemetry: PluginTelemetry): boolean =>
  isHeartbeat({ seq: 0, status: 'running', version: '', started_at: '', descriptor: '', telemetry });

describe('the statistics of a service', () => {
  it('are its telemetry, and what they do not say is 0', () => {
    const { telemetry, startedAt } = read(reply(endpoint()));
    expect(telemetry).toEqual({
      plugin_id: 'svc',
      cpu_percent: 0,
      memory_mb: 0,
      uptime_secs: 100,
      request_count: 10,
      error_count: 2,
      last_error: '400:it was wrong',
      in_flight: 0,
      queue_depth: 0,
      event_loop_lag_ms: 0,
      instances: 1,
      latency_ms: { p50: 4.53, p95: 4.53, p99: 4.53 },
      latency_buckets: [[11, 10]],
    });
    expect(startedAt).toBe('2026-11-24T08:00:00.000Z');
  });

  it('count what bkg invokes, over all such endpoints, each once', () => {
    const { telemetry } = read(
      reply(
        endpoint(),
        endpoint({ subject: 'plugin.svc.invoke', num_requests: 1 }),
        endpoint({ subject: 'plugin.svc.invoke.a.b', num_requests: 100 }),
        endpoint(),
        endpoint({ subject: 'plugin.svc.invoker.x' }),
        endpoint({ subject: 'plugin.other.invoke.do' }),
        endpoint({ subject: 'health' }),
      ),
    );
    expect(telemetry).toMatchObject({ request_count: 111, error_count: 6 });
  });

  it('give the latency of each time between two readings as its average', () => {
    const first = read(reply(endpoint({ num_requests: 1, processing_time: 1_000_000 })));
    const second = read(reply(endpoint({ num_requests: 4, processing_time: 301_000_000 })), first);
    expect(second.telemetry.latency_buckets).toEqual([
      [7, 1],
      [20, 3],
    ]);
    expect(second.seq).toBe(1);
    const idle = read(reply(endpoint({ num_requests: 4, processing_time: 301_000_000 })), second);
    expect(idle.telemetry).toEqual(second.telemetry);
  });

  it('give no latency when the service does not measure, and take the average when that is all there is', () => {
    expect(read(reply(endpoint({ processing_time: 0, average_processing_time: 0 }))).telemetry).toMatchObject(
      {
        latency_ms: { p50: 0 },
        latency_buckets: [],
      },
    );
    const { telemetry } = read(reply(endpoint({ processing_time: undefined })));
    expect(telemetry.latency_buckets).toEqual([[11, 10]]);
  });

  it.each([
    ['counters fall back', reply(endpoint({ num_requests: 3, num_errors: 0, processing_time: 300_000_000 }))],
    [
      'it says that it has started again',
      {
        ...reply(endpoint({ num_requests: 3, processing_time: 300_000_000 })),
        started: '2026-11-24T08:01:00Z',
      },
    ],
  ])('begin anew when %s', (_, value) => {
    const { telemetry } = read(value, read(reply(endpoint({ num_requests: 3_000 }))));
    expect(telemetry.request_count).toBe(3);
    expect(telemetry.latency_buckets).toEqual([[20, 3]]);
  });

  it('name the error of the endpoint that failed last', () => {
    const a = (errors: number) => endpoint({ num_errors: errors, last_error: 'A: a' });
    const b = (errors: number) =>
      endpoint({ subject: 'plugin.svc.invoke.b', num_errors: errors, last_error: errors ? 'B: b' : '' });
    const first = read(reply(a(1), b(0)));
    expect(first.telemetry.last_error).toBe('A: a');
    const second = read(reply(a(1), b(1)), first);
    expect(second.telemetry.last_error).toBe('B: b');
    expect(read(reply(a(1), b(1)), second).telemetry.last_error).toBe('B: b');
    expect(read(reply(a(2), b(1)), second).telemetry.last_error).toBe('A: a');
  });

  it.each([
    {},
    { started: 7, endpoints: 'none' },
    { started: '0001-01-01T00:00:00Z', endpoints: [null, 7, 'x', [], {}] },
    { started: '2999-01-01T00:00:00Z', endpoints: [{ subject: 'plugin.svc.invoke.do' }] },
    reply(endpoint({ num_requests: '7', num_errors: null, last_error: { a: 1 }, processing_time: [] })),
    reply(endpoint({ num_requests: -5, num_errors: -1, processing_time: -1, average_processing_time: -1 })),
    reply(endpoint({ num_requests: 0.5, num_errors: 1e308, processing_time: 1e308 })),
  ])('that make no sense are zeros: %j', (value) => {
    const { telemetry } = read(value);
    expect(isTelemetry(telemetry)).toBe(true);
    expect(telemetry).toMatchObject({ request_count: 0, error_count: 0, latency_buckets: [] });
  });

  it('that are too large stay numbers that can be added up', () => {
    const huge = endpoint({ num_requests: 1e308, num_errors: 1e300, processing_time: 1e308 });
    const { telemetry } = read(reply(huge, { ...huge, subject: 'plugin.svc.invoke.b' }));
    expect(isTelemetry(telemetry)).toBe(true);
    const all = mergeTelemetry(
      'svc',
      Array.from({ length: 1_000 }, () => telemetry),
    );
    expect(Number.isSafeInteger(all.request_count)).toBe(true);
    expect(all.latency_buckets.every(([, n]) => Number.isSafeInteger(n))).toBe(true);
    const floats = read(reply(endpoint({ num_requests: 10.9, processing_time: 40_000_000.7 })));
    expect(floats.telemetry).toMatchObject({ request_count: 10, latency_buckets: [[11, 10]] });
  });

  it('never yield anything but telemetry, in two thousand hostile forms, one after the other', () => {
    let before: ReturnType<typeof readStats> | undefined;
    for (let seed = 0; seed < 2_000; seed += 1) {
      const random = randomOf(seed);
      const value = hostile(random, reply(endpoint(), endpoint({ subject: 'plugin.svc.invoke.b' })));
      const stats = readStats('svc', Object(value) as Record<string, unknown>, before, at);
      expect(isTelemetry(stats.telemetry), JSON.stringify(value)).toBe(true);
      expect(stats.telemetry.error_count).toBeLessThanOrEqual(stats.telemetry.request_count);
      before = stats;
    }
  });
});
