import { describe, expect, it } from 'vitest';
import { isHeartbeat, isStatusEvent } from '../../src/protocol/event.ts';
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
