import type { Msg } from '@nats-io/nats-core';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { subjects } from '@bkg/sdk';
import type { PluginInfo } from '@bkg/sdk';
import type { Broker } from '../src/mesh/broker.ts';
import { Catalog } from '../src/mesh/catalog.ts';
import { TelemetrySource } from '../src/ws/telemetry-source.ts';
import { entryOf, heartbeatOf, telemetryOf } from './mesh.ts';

/** The subjects on which the supervisor was asked. */
let asked: string[];
/** What it has heard of each plugin. */
let count: number;
let catalog: Catalog;
let source: TelemetrySource;

/** Takes an event, as the broker gives it to the gateway. */
let take: (msg: Msg) => void;

/** A broker behind which a supervisor answers at once; nothing else happens on it. */
const broker = {
  connected: true,
  request: async (subject: string): Promise<Msg> => {
    asked.push(subject);
    const infoOf = (id: string): PluginInfo => ({
      ...entryOf(id),
      telemetry: telemetryOf(id, { request_count: count }),
    });
    const id = subject.split('.')[3];
    const answer = id === undefined ? catalog.ids().map(infoOf) : infoOf(id);
    return { data: Buffer.from(JSON.stringify(answer)) } as Partial<Msg> as Msg;
  },
  flush: async () => true,
  drain: async () => undefined,
  subscribe: (_subject: string, taken: typeof take) => {
    take = taken;
    return { unsubscribe: () => undefined };
  },
  onStatus: () => () => undefined,
} as unknown as Broker;

beforeEach(() => {
  vi.useFakeTimers();
  asked = [];
  count = 1;
  catalog = new Catalog();
  source = new TelemetrySource(broker, catalog);
});
afterEach(() => {
  source.close();
  vi.useRealTimers();
});

/** Time in which every answer comes. */
async function pass(ms = 1): Promise<void> {
  catalog.leaseRenewed(Date.now());
  await vi.advanceTimersByTimeAsync(ms);
}

async function read(...ids: string[]): Promise<void> {
  catalog.begin();
  for (const id of ids) catalog.put(entryOf(id));
  catalog.leaseRenewed(Date.now());
  catalog.complete();
  await pass();
}

const names = (most: number): string[] => Array.from({ length: most }, (_, i) => `p-${i}`);
const requestCount = (id: string): number | undefined => catalog.info(id)?.telemetry.request_count;

describe('the supervisor is asked', () => {
  it('nothing about plugins that do not exist, and about one as soon as it does and somebody looks', async () => {
    await read('one');
    for (let i = 0; i < 500; i += 1) source.watch(new Set([`nobody-${i}`])).end();
    const look = source.watch(new Set(['later']));
    await pass();
    expect([asked, look.isLoaded]).toEqual([[], true]);
    await read('one', 'later');
    expect(asked).toEqual(['bkg.registry.get.later']);
    expect(requestCount('later')).toBe(1);
  });

  it('after a reading about each that is watched, or about all at once when these are many', async () => {
    await read(...names(40));
    for (const id of names(16)) source.watch(new Set([id]));
    await pass();
    asked = [];
    await read(...names(40));
    expect(asked).toHaveLength(16);
    source.watch(new Set(['p-16']));
    for (let i = 0; i < 100; i += 1) source.watch(new Set([`nobody-${i}`]));
    await pass();
    asked = [];
    await read(...names(40));
    expect(asked).toEqual(['bkg.registry.list']);
  });

  it('no more after the end', async () => {
    await read('one');
    source.watch(new Set(['one']));
    await pass();
    asked = [];
    source.close();
    await read('one');
    expect(asked).toEqual([]);
  });

  it('no sooner again than it may be, also when it was asked twice in that time', async () => {
    // Of so many it is every 5 s.
    await read(...names(1_000));
    await source.refresh();
    const look = source.watch(undefined);
    await pass(3_000);
    await read(...names(1_000));
    look.end();
    await pass(3_000);
    expect(asked).toHaveLength(2);
    // The first question is long ago, the second is not.
    await source.refresh();
    expect(asked).toHaveLength(2);
    await pass(2_500);
    await source.refresh();
    expect(asked).toHaveLength(3);
  });
});

describe('a watch that begins soon after somebody has asked', () => {
  it.each([
    ['about that plugin', 'one'],
    ['about all', undefined],
  ])('%s has that answer at once, and what was missed in between a second later', async (_about, key) => {
    await read('one', 'two');
    await source.refresh(key);
    // A heartbeat that only the supervisor has heard.
    count = 2;
    const look = source.watch(new Set(['one']));
    await pass();
    expect([look.isLoaded, requestCount('one'), asked.length]).toEqual([true, 1, 1]);
    await pass(1_000);
    expect([requestCount('one'), asked.length]).toEqual([2, 2]);
    await pass(3_000);
    expect(asked).toHaveLength(2);
  });

  it('does not make it ask more often, however many come and go', async () => {
    await read('one');
    for (let i = 0; i < 30; i += 1) {
      const look = source.watch(new Set(['one']));
      await pass(100);
      look.end();
    }
    await pass(5_000);
    expect(asked).toHaveLength(1);
  });
});

it('a heartbeat that is larger than an event may be counts for nothing', async () => {
  await read('one');
  source.watch(new Set(['one']));
  await pass();
  const say = (request_count: number, filler: string): void => {
    const heartbeat = { ...heartbeatOf('one', { request_count }), filler };
    take({
      subject: subjects.event('one', 'one-1', 'telemetry'),
      data: Buffer.from(JSON.stringify(heartbeat)),
    } as Partial<Msg> as Msg);
  };
  say(7, '');
  say(8, 'x'.repeat(128 * 1024));
  expect(requestCount('one')).toBe(7);
});
