/** What a gateway tells the others of what it has let through, before a broker of this test. */
import type { Msg } from '@nats-io/nats-core';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { subjects, TokenBucket } from '@bkg/sdk';
import { silentLogger } from '@bkg/sdk/testing';
import { Spending } from '../src/limits/spending.ts';
import type { SpendingOptions } from '../src/limits/spending.ts';
import type { Spent } from '../src/limits/spent.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function setUp(options: Partial<SpendingOptions> = {}, maxPayloadBytes = 1024 * 1024) {
  const published: { subject: string; spent: Spent[]; bytes: number }[] = [];
  const heard: unknown[][] = [];
  const link = { connected: true, listeners: [] as ((connected: boolean) => void)[], subscriptions: 0 };
  let take: (msg: Msg) => void = () => undefined;
  const spending = new Spending({
    broker: {
      get connected() {
        return link.connected;
      },
      maxPayloadBytes,
      publish: (subject, data) => {
        const { spent } = JSON.parse(data) as { spent: Spent[] };
        if (link.connected) published.push({ subject, spent, bytes: data.length });
        return link.connected;
      },
      subscribe: (_subject, callback) => {
        link.subscriptions += 1;
        take = callback;
        return undefined;
      },
      onStatus: (listener) => {
        link.listeners.push(listener);
        return () => undefined;
      },
    },
    log: silentLogger,
    onSpent: (...args) => heard.push(args),
    ...options,
  });
  const hear = (gateway: string, spent: unknown): void => {
    const data = new TextEncoder().encode(JSON.stringify({ spent }));
    take({ subject: subjects.spent(gateway), data } as Msg);
  };
  const spend = (name: string, n = 1): void => {
    const bucket = new TokenBucket({ rate: 5, burst: 10 }, 0);
    for (let i = 0; i < n; i += 1) spending.add({ policy: 'plugin', name, bucket });
  };
  return { spending, published, heard, hear, spend, link };
}

it('is told 100 ms after the first, in one message', () => {
  const { spending, published, spend } = setUp();
  vi.advanceTimersByTime(1_000);
  expect(published).toEqual([]);
  spend('plugin:a', 2);
  vi.advanceTimersByTime(60);
  spend('plugin:b');
  spend('plugin:a');
  vi.advanceTimersByTime(40);
  const limit = { rate_per_second: 5, burst: 10 };
  expect(published).toMatchObject([
    {
      subject: subjects.spent(spending.id),
      spent: [
        { bucket: 'plugin:a', tokens: 3, ...limit },
        { bucket: 'plugin:b', tokens: 1, ...limit },
      ],
    },
  ]);
  vi.advanceTimersByTime(1_000);
  expect(published).toHaveLength(1);
});

it('is told of the largest first; what does not fit comes with the next', () => {
  const { published, spend } = setUp({ mostInMessage: 2 });
  for (const [name, n] of [
    ['one', 1],
    ['five', 5],
    ['three', 3],
  ] as const)
    spend(name, n);
  vi.advanceTimersByTime(100);
  spend('one', 3);
  vi.advanceTimersByTime(1_000);
  expect(published.map(({ spent }) => spent.map(({ bucket, tokens }) => [bucket, tokens]))).toEqual([
    [
      ['five', 5],
      ['three', 3],
    ],
    [['one', 4]],
  ]);
});

it('is never more than half of what the broker takes', () => {
  const { published, spend } = setUp({}, 8_192);
  for (let i = 0; i < 500; i += 1) spend(`plugin:p${i}`);
  vi.advanceTimersByTime(10_000);
  expect(published.length).toBeGreaterThan(4);
  expect(Math.max(...published.map(({ bytes }) => bytes))).toBeLessThan(4_096 + 20);
  expect(new Set(published.flatMap(({ spent }) => spent.map(({ bucket }) => bucket))).size).toBe(500);
});

it('is forgotten while the broker is away: it has come back in the buckets since', () => {
  const { published, spend, link } = setUp();
  link.connected = false;
  spend('plugin:a', 9);
  vi.advanceTimersByTime(100);
  link.connected = true;
  for (const listener of link.listeners) listener(true);
  vi.advanceTimersByTime(1_000);
  expect(published).toEqual([]);
  spend('plugin:a');
  vi.advanceTimersByTime(100);
  expect(published).toMatchObject([{ spent: [{ tokens: 1 }] }]);
  // A subscription lasts over reconnections.
  expect(link.subscriptions).toBe(1);
});

it('has a bound, and says what was not told', () => {
  const warn = vi.fn<(fields: object) => void>();
  const { published, spend } = setUp({ most: 3, log: { ...silentLogger, warn } });
  for (let i = 0; i < 5; i += 1) spend(`plugin:p${i}`);
  vi.advanceTimersByTime(1_000);
  expect(published.flatMap(({ spent }) => spent)).toHaveLength(3);
  expect(warn).toHaveBeenCalledExactlyOnceWith({ invocations: 2 }, expect.stringContaining('too many'));
});

it('is heard of others, not of itself, and not after the end', () => {
  const { spending, heard, hear } = setUp();
  const spent = [{ bucket: 'plugin:a', tokens: 3, rate_per_second: 5, burst: 10 }];
  hear(spending.id, spent);
  expect(heard).toEqual([]);
  hear('another', spent);
  expect(heard).toEqual([['plugin:a', 3, { rate_per_second: 5, burst: 10 }]]);
  spending.close();
  hear('another', spent);
  expect(heard).toHaveLength(1);
});

it('ends with the gateway', () => {
  const { spending, published, spend } = setUp();
  spend('plugin:a');
  spending.close();
  spend('plugin:a');
  vi.advanceTimersByTime(1_000);
  expect(published).toEqual([]);
});
