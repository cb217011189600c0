import { describe, expect, it } from 'vitest';
import { isHeartbeat, isHeartbeatMs, isStatusEvent } from '../../src/protocol/event.ts';
import type { Heartbeat, StatusEvent } from '../../src/protocol/event.ts';
import { mergeTelemetry } from '../../src/protocol/telemetry.ts';

const statusEvent: StatusEvent = {
  id: 'echo',
  instance: 'I1',
  status: 'running',
  version: '1.0.0',
  started_at: '2026-11-24T08:00:00.000Z',
};
const telemetry = mergeTelemetry('echo', []);
const heartbeat: Heartbeat = {
  seq: 0,
  status: 'running',
  version: '1.0.0',
  started_at: '2026-11-24T08:00:00.000Z',
  descriptor: 'abc',
  telemetry,
};
const nothing = [undefined, null, 7, 'text', [], {}];

describe('a status event', () => {
  it('says who is in which state since when, and perhaps where and why', () => {
    expect(isStatusEvent(statusEvent)).toBe(true);
    expect(isStatusEvent({ ...statusEvent, host: 'h', pid: 7, error: 'no' })).toBe(true);
    expect(isStatusEvent({ ...statusEvent, status: 'starting', held: true })).toBe(true);
    expect(isStatusEvent({ ...statusEvent, status: 'error', more: [1] })).toBe(true);
    const others = [{ instance: 'I2', inflight: true, more: 1 }];
    expect(isStatusEvent({ ...statusEvent, status: 'error', ended: 'out_of_memory', others })).toBe(true);
    expect(isStatusEvent({ ...statusEvent, ended: 'stopped', others: [] })).toBe(true);
  });

  it.each([
    ...nothing,
    ...(['id', 'instance', 'status', 'version', 'started_at'] as const).map((name) => ({
      ...statusEvent,
      [name]: undefined,
    })),
    { ...statusEvent, status: 'fine' },
    { ...statusEvent, version: 1 },
    { ...statusEvent, error: { html: '<b>' } },
    { ...statusEvent, ended: true },
    { ...statusEvent, ended: 'killed' },
    { ...statusEvent, others: 'I2' },
    { ...statusEvent, others: ['I2'] },
    { ...statusEvent, others: [null] },
    { ...statusEvent, others: [{ instance: 'I2' }] },
    { ...statusEvent, host: 1 },
    { ...statusEvent, held: 'yes' },
    { ...statusEvent, pid: 'one' },
    { ...statusEvent, pid: -1 },
  ])('is not %j', (value) => {
    expect(isStatusEvent(value)).toBe(false);
  });
});

describe('a heartbeat', () => {
  it('carries a number, the state, the descriptor and the telemetry', () => {
    expect(isHeartbeat(heartbeat)).toBe(true);
    expect(
      isHeartbeat({ ...heartbeat, seq: 9, host: 'h', pid: 7, telemetry: { ...telemetry, more: 1 } }),
    ).toBe(true);
    expect(isHeartbeat({ ...heartbeat, every_ms: 120_000 })).toBe(true);
  });

  it('may be ordered every half a second to every two minutes, in whole milliseconds', () => {
    for (const ms of [500, 2_000, 120_000]) expect(isHeartbeatMs(ms)).toBe(true);
    for (const ms of [0, 499, 120_001, 500.5, NaN, Infinity, '500', null, undefined, [500]])
      expect(isHeartbeatMs(ms)).toBe(false);
  });

  it.each(Object.keys(telemetry))('without %s in its telemetry is none', (name) => {
    expect(isHeartbeat({ ...heartbeat, telemetry: { ...telemetry, [name]: undefined } })).toBe(false);
    expect(isHeartbeat({ ...heartbeat, telemetry: { ...telemetry, [name]: null } })).toBe(false);
  });

  it.each([
    ...nothing,
    ...(['seq', 'status', 'version', 'started_at', 'descriptor', 'telemetry'] as const).map((name) => ({
      ...heartbeat,
      [name]: undefined,
    })),
    { ...heartbeat, seq: -1 },
    { ...heartbeat, seq: 0.5 },
    { ...heartbeat, pid: 1.5 },
    { ...heartbeat, held: 1 },
    { ...heartbeat, every_ms: '2000' },
    { ...heartbeat, every_ms: 0.5 },
    ...['1', [], { p50: 1, p95: 1 }].map((latency_ms) => ({
      ...heartbeat,
      telemetry: { ...telemetry, latency_ms },
    })),
    ...[{}, [7], [[1]], [[1, 2, 3]], [['1', 2]], [[-1, 2]], [[40, 1]], [[0, -5]], [[0.5, 1]]].map(
      (latency_buckets) => ({
        ...heartbeat,
        telemetry: { ...telemetry, latency_buckets },
      }),
    ),
  ])('is not %j', (value) => {
    expect(isHeartbeat(value)).toBe(false);
  });
});
