import { describe, expect, it } from 'vitest';
import { TelemetryBoard } from '../src/mesh/telemetry-board.ts';
import { telemetryOf } from './mesh.ts';

function heartbeat(values: object = {}, everyMs?: number): Uint8Array {
  return Buffer.from(
    JSON.stringify({
      seq: 1,
      every_ms: everyMs,
      status: 'running',
      version: '1.0.0',
      started_at: '2026-01-01T00:00:00.000Z',
      descriptor: 'd',
      telemetry: telemetryOf('a', values),
    }),
  );
}

describe('the telemetry board', () => {
  it('adds up the instances that are asked for, each with its latest heartbeat', () => {
    const board = new TelemetryBoard();
    board.hear('a', '1', heartbeat({ request_count: 1 }));
    board.hear('a', '1', heartbeat({ request_count: 5 }));
    board.hear('a', '2', heartbeat({ request_count: 7 }));
    board.hear('a', '3', heartbeat({ request_count: 100 }));
    expect(board.of('a', ['1', '2'])).toMatchObject({
      request_count: 12,
      instances: 2,
      latency_buckets: [[1, 6]],
    });
  });

  it.each([
    ['no JSON', '{'],
    ['no heartbeat', '{"telemetry":{}}'],
    ['null', 'null'],
    ['numbers that are none', JSON.stringify({ seq: 1, telemetry: { cpu_percent: 'a lot' } })],
  ])('lets %s count for nothing', (_what, text) => {
    const board = new TelemetryBoard();
    board.hear('a', '1', Buffer.from(text));
    expect(board.of('a', ['1'])).toMatchObject({ instances: 0, request_count: 0 });
  });

  it('forgets who has been silent for half a minute', () => {
    let now = 0;
    const board = new TelemetryBoard(() => now);
    board.hear('a', '1', heartbeat());
    now = 30_000;
    expect(board.of('a', ['1']).instances).toBe(1);
    now = 30_001;
    expect(board.of('a', ['1']).instances).toBe(0);
    board.sweep();
    now = 0;
    expect(board.of('a', ['1']).instances).toBe(0);
  });

  it.each([
    [80_000, 240_000],
    [2_000, 30_000],
    [Number.MAX_SAFE_INTEGER, 360_000],
  ])(
    'gives who beats every %d ms three heartbeats, at least half a minute, at most 6: %d ms',
    (everyMs, keptMs) => {
      let now = 0;
      const board = new TelemetryBoard(() => now);
      board.hear('a', '1', heartbeat({}, everyMs));
      now = keptMs;
      board.sweep();
      expect(board.of('a', ['1']).instances).toBe(1);
      now = keptMs + 1;
      expect(board.of('a', ['1']).instances).toBe(0);
    },
  );

  it('shows what it was told until as many instances are heard as that was of, or it is old', () => {
    let now = 0;
    const told: string[] = [];
    const board = new TelemetryBoard(() => now);
    board.onHear((id) => told.push(id));
    board.hear('a', '1', heartbeat({ request_count: 1 }));
    board.tell(telemetryOf('a', { request_count: 50, instances: 2 }), ['1', '2'], 30_000);
    const requests = (...instances: string[]): number => board.of('a', instances).request_count;
    expect(requests('1', '2')).toBe(50);
    board.hear('a', '1', heartbeat({ request_count: 31 }));
    expect(requests('1', '2')).toBe(50);
    // One has gone, and its part cannot be taken out.
    expect(requests('1')).toBe(31);
    board.hear('a', '2', heartbeat({ request_count: 21 }));
    expect(requests('1', '2')).toBe(52);
    board.tell(telemetryOf('a', { request_count: 60, instances: 2 }), ['1', '2'], 30_000);
    now = 30_001;
    expect(requests('1', '2')).toBe(0);
    expect(told).toEqual(['a', 'a', 'a', 'a', 'a']);
  });

  it('does not show what it was told of an instance that another has taken the place of', () => {
    const board = new TelemetryBoard();
    board.tell(telemetryOf('a', { request_count: 77 }), ['1'], 30_000);
    expect(board.of('a', ['2'])).toMatchObject({ instances: 0, request_count: 0 });
    expect(board.of('a', ['1', '2'])).toMatchObject({ instances: 1, request_count: 77 });
    board.hear('a', '3', heartbeat({ request_count: 3 }));
    board.tell(telemetryOf('a', { request_count: 50, instances: 2 }), ['1', '2'], 30_000);
    board.hear('a', '1', heartbeat({ request_count: 31 }));
    expect(board.of('a', ['1', '2']).request_count).toBe(50);
    expect(board.of('a', ['1', '3']).request_count).toBe(31);
  });

  it('remembers no more instances than it may, and new ones again after a sweep', () => {
    let now = 0;
    const board = new TelemetryBoard(() => now);
    const data = heartbeat();
    for (let i = 0; i < 20_001; i += 1) board.hear('a', String(i), data);
    expect(board.of('a', ['20000']).instances).toBe(0);
    now = 60_000;
    board.sweep();
    board.hear('a', '20000', data);
    expect(board.of('a', ['20000']).instances).toBe(1);
  });

  it('does not keep the buffer that a message came in', () => {
    const board = new TelemetryBoard();
    // As nats.js gives it out: a Buffer, whose slice() is no copy.
    const data = Buffer.from(heartbeat({ memory_mb: 3 }));
    board.hear('a', '1', data);
    data.fill(0);
    expect(board.of('a', ['1']).memory_mb).toBe(3);
  });
});
