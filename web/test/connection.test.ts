import type { PluginInfo } from '@bkg/sdk/protocol';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createBackoff } from '../src/lib/backoff.ts';
import { connectionAtStart, contacted, failed } from '../src/lib/connection.ts';
import { parseFrame, runFeed, type Frame, type Socket } from '../src/lib/feed.ts';
import { runPoll } from '../src/lib/poll.ts';
import { createAlarm } from '../src/lib/wait.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A socket whose other end is the test. */
class FakeSocket extends EventTarget {
  closed = false;
  close(): void {
    this.closed = true;
  }
  opens(): void {
    this.dispatchEvent(new Event('open'));
  }
  sends(frame: unknown): void {
    this.dispatchEvent(new MessageEvent('message', { data: JSON.stringify(frame) }));
  }
  ends(): void {
    this.dispatchEvent(new Event('close'));
  }
}

function startFeed() {
  const sockets: FakeSocket[] = [];
  const frames: Frame[] = [];
  const lost: [string, number][] = [];
  const controller = new AbortController();
  let drop: (reason: string) => void = () => undefined;
  const alarm = createAlarm();
  const done = runFeed({
    open: () => {
      const socket = new FakeSocket();
      sockets.push(socket);
      return socket as unknown as Socket;
    },
    backoff: createBackoff({ random: () => 1 }),
    alarm,
    onOpen: () => undefined,
    onFrame: (frame) => frames.push(frame),
    onLost: (reason, retryInMs) => lost.push([reason, retryInMs]),
    onSocket: (give) => (drop = give),
    signal: controller.signal,
  });
  return { sockets, frames, lost, controller, alarm, done, drop: (reason: string) => drop(reason) };
}

describe('the wait between tries', () => {
  it('doubles from 0.5 s to 15 s and starts again after a success', () => {
    const backoff = createBackoff({ random: () => 1 });
    expect(Array.from({ length: 7 }, () => backoff.nextMs())).toEqual([
      500, 1000, 2000, 4000, 8000, 15000, 15000,
    ]);
    backoff.reset();
    expect(backoff.nextMs()).toBe(500);
  });

  it('is spread over its upper half', () => {
    expect(createBackoff({ random: () => 0 }).nextMs()).toBe(250);
  });
});

describe('the connection', () => {
  const failure = (retryAt: number, answered = false) => ({ reason: 'gone', retryAt, answered });

  it('is offline after three failures in a row and keeps the time of the last contact', () => {
    let connection = contacted(1_000);
    connection = failed(connection, failure(2_000));
    expect(connection).toMatchObject({ phase: 'reconnecting', lastContactAt: 1_000, retryAt: 2_000 });
    connection = failed(failed(connection, failure(3_000)), failure(4_000));
    expect(connection).toMatchObject({ phase: 'offline', lastContactAt: 1_000, reason: 'gone' });
    expect(contacted(5_000)).toEqual({ phase: 'live', failures: 0, lastContactAt: 5_000 });
  });

  it('is not called offline while the gateway answers, even with failures', () => {
    let connection = contacted(1_000);
    for (let i = 0; i < 10; i++) connection = failed(connection, failure(2_000 + i, true));
    expect(connection.phase).toBe('reconnecting');
  });

  it('does not claim to be live before anything was heard', () => {
    expect(connectionAtStart.phase).toBe('connecting');
    expect(failed(connectionAtStart, failure(1)).lastContactAt).toBeUndefined();
  });
});

describe('the feed', () => {
  it('opens the next socket after a loss, later each time, and at once after a success', async () => {
    const feed = startFeed();
    feed.sockets[0]?.opens();
    feed.sockets[0]?.ends();
    await vi.advanceTimersByTimeAsync(499);
    expect(feed.sockets).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(feed.sockets).toHaveLength(2);
    feed.sockets[1]?.ends();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(feed.lost.map(([, ms]) => ms)).toEqual([500, 1_000]);
    feed.sockets[2]?.opens();
    feed.sockets[2]?.ends();
    await vi.advanceTimersByTimeAsync(0);
    expect(feed.lost.at(-1)?.[1]).toBe(500);
    feed.controller.abort();
    await feed.done;
  });

  it('gives up a handshake that does not end', async () => {
    const feed = startFeed();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(feed.sockets[0]?.closed).toBe(true);
    expect(feed.lost[0]?.[0]).toContain('in time');
    feed.controller.abort();
    await feed.done;
  });

  it('closes its socket and ends when it is not wanted any more', async () => {
    const feed = startFeed();
    feed.sockets[0]?.opens();
    feed.controller.abort();
    await feed.done;
    expect(feed.sockets[0]?.closed).toBe(true);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(feed.sockets).toHaveLength(1);
    expect(feed.lost).toEqual([]);
  });

  it('replaces a socket whose other end is gone without a word', async () => {
    const feed = startFeed();
    feed.sockets[0]?.opens();
    feed.drop('no answer to a request');
    await vi.advanceTimersByTimeAsync(500);
    expect(feed.lost[0]?.[0]).toBe('no answer to a request');
    expect(feed.sockets).toHaveLength(2);
    feed.controller.abort();
    await feed.done;
  });

  it('tries at once when somebody asks it to', async () => {
    const feed = startFeed();
    feed.sockets[0]?.ends();
    await vi.advanceTimersByTimeAsync(10);
    feed.alarm.ring();
    await vi.advanceTimersByTimeAsync(0);
    expect(feed.sockets).toHaveLength(2);
    feed.controller.abort();
    await feed.done;
  });

  it('passes frames it knows on and leaves the others alone', async () => {
    const feed = startFeed();
    feed.sockets[0]?.opens();
    feed.sockets[0]?.sends({ type: 'dropped', count: 3 });
    feed.sockets[0]?.sends({ type: 'from the future' });
    feed.sockets[0]?.sends({ type: 'log', message: 'hello' });
    expect(feed.frames).toEqual([
      { type: 'dropped', count: 3 },
      { type: 'log', message: 'hello' },
    ]);
    expect(parseFrame('no json')).toBeUndefined();
    expect(parseFrame(JSON.stringify({ type: 'status' }))).toBeUndefined();
    expect(parseFrame(JSON.stringify({ type: 'status', plugin: {} as PluginInfo }))).toBeDefined();
    feed.controller.abort();
    await feed.done;
  });
});

describe('the poll', () => {
  it('waits while nobody sees the page, and slows down while it fails', async () => {
    const controller = new AbortController();
    let show: () => void = () => undefined;
    const shown = new Promise<void>((resolve) => (show = resolve));
    let rounds = 0;
    let fails = true;
    const retries: number[] = [];
    const done = runPoll({
      round: async () => {
        rounds += 1;
        if (fails) throw new Error('away');
      },
      everyMs: 2_000,
      backoff: createBackoff({ random: () => 1 }),
      alarm: createAlarm(),
      visible: () => shown,
      onFailure: (_, retryInMs) => retries.push(retryInMs),
      signal: controller.signal,
    });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(rounds).toBe(0);
    show();
    await vi.advanceTimersByTimeAsync(1_500);
    expect(retries).toEqual([500, 1_000, 2_000]);
    fails = false;
    await vi.advanceTimersByTimeAsync(2_000);
    expect(rounds).toBe(4);
    await vi.advanceTimersByTimeAsync(4_000);
    expect(rounds).toBe(6);
    controller.abort();
    await done;
  });
});
