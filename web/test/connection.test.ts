import type { ClientState } from '@bkg/sdk/client/ws';
import { describe, expect, it, vi } from 'vitest';
import { connectionAtStart, connectionOf, hiccupMs } from '../src/lib/connection.ts';
import { onceAFrame } from '../src/lib/once-a-frame.ts';

const offline = (since: number, more: Partial<ClientState> = {}): ClientState => ({
  status: 'offline',
  since: new Date(since),
  reason: 'The gateway cannot be reached.',
  ...more,
});

describe('the connection', () => {
  it('is reconnecting for a moment, then offline, and keeps the time of the last contact', () => {
    const live = connectionOf({ status: 'live', since: new Date(1_000) }, connectionAtStart, 1_000);
    expect(live).toEqual({ phase: 'live' });
    const lost = connectionOf(offline(5_000, { retryAt: new Date(5_500) }), live, 5_000);
    expect(lost).toEqual({
      phase: 'reconnecting',
      lastContactAt: 5_000,
      retryAt: 5_500,
      reason: 'The gateway cannot be reached.',
    });
    const away = connectionOf(offline(5_000), lost, 5_000 + hiccupMs);
    expect(away).toMatchObject({ phase: 'offline', lastContactAt: 5_000 });
    expect(connectionOf({ status: 'live', since: new Date(9_000) }, away, 9_000)).toEqual({ phase: 'live' });
  });

  it('does not claim to have been live before anything was heard', () => {
    expect(connectionAtStart.phase).toBe('connecting');
    expect(connectionOf(offline(0), connectionAtStart, 1).lastContactAt).toBeUndefined();
  });
});

describe('onceAFrame', () => {
  it('hands on the latest of each key in one go, also when no frame is drawn', () => {
    vi.useFakeTimers();
    vi.stubGlobal('requestAnimationFrame', (draw: () => void) => setTimeout(draw, 16));
    vi.stubGlobal('cancelAnimationFrame', clearTimeout);
    try {
      const given: [string, number][][] = [];
      const readings = onceAFrame<number>((latest) => given.push([...latest]));
      readings.put('a', 1);
      readings.put('b', 2);
      readings.put('a', 3);
      readings.put('gone', 4);
      readings.drop('gone');
      expect(given).toEqual([]);
      vi.advanceTimersByTime(20);
      expect(given).toEqual([
        [
          ['a', 3],
          ['b', 2],
        ],
      ]);
      vi.stubGlobal('requestAnimationFrame', () => 0);
      readings.put('a', 5);
      vi.advanceTimersByTime(1_000);
      expect(given.at(-1)).toEqual([['a', 5]]);
      readings.put('a', 6);
      readings.end();
      vi.advanceTimersByTime(5_000);
      expect(given).toHaveLength(2);
    } finally {
      vi.unstubAllGlobals();
      vi.useRealTimers();
    }
  });
});
