import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { NatsClient } from '../../src/client/nats/nats-client.ts';
import { State } from '../../src/client/state.ts';
import type { Connection } from '../../src/connection.ts';

/** What would have been uncaught. */
const surfaced: unknown[] = [];

beforeEach(() => {
  surfaced.length = 0;
  const queue = queueMicrotask;
  vi.stubGlobal('queueMicrotask', (task: () => void) =>
    queue(() => {
      try {
        task();
      } catch (error) {
        surfaced.push(error);
      }
    }),
  );
});
afterEach(() => vi.unstubAllGlobals());

it('tells everybody, also after a listener that throws, whose error surfaces', async () => {
  const state = new State('connecting');
  const bug = new TypeError('a bug');
  const heard: string[] = [];
  state.on(({ status }) => heard.push(`first: ${status}`));
  state.on(() => {
    throw bug;
  });
  state.on(({ status }) => heard.push(`last: ${status}`));
  state.set({ status: 'live' });
  expect(heard).toEqual(['first: live', 'last: live']);
  expect(surfaced).toEqual([]);
  await Promise.resolve();
  expect(surfaced).toEqual([bug]);
});

it('closes a client to its end whose listener throws', async () => {
  const connection = { connected: true, onStatus: () => () => undefined } as unknown as Connection;
  const end = vi.fn(async () => undefined);
  const client = new NatsClient(connection, {}, end);
  client.onState(() => {
    throw new TypeError('a bug');
  });
  await client.close();
  expect(end).toHaveBeenCalledOnce();
  expect(surfaced).toHaveLength(1);
});
