import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CancelledError, DeadlineExceededError, DeclaredPluginError } from '../src/client/errors.ts';
import { createClient } from '../src/client/nats/index.ts';
import type { NatsClient } from '../src/client/nats/index.ts';
import type { Connection } from '../src/connection.ts';
import { Instance } from '../src/instance.ts';
import { eventually, silentLogger, startNatsServer } from '../src/testing.ts';
import type { TestServer } from '../src/testing.ts';
import { createLink } from './link.ts';

const farMs = 60_000;
const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

type Link = ReturnType<typeof createLink> & { instance: Instance; connection: Connection };

let server: TestServer;
let connection: Connection;
let client: NatsClient;
let outer: Link;
let middle: Link;
let inner: Link;

async function startLink(id: string, copyTo?: string): Promise<Link> {
  const link = createLink(id, copyTo);
  const own = await server.connect(id);
  const instance = new Instance(link.plugin, { connection: own, log: silentLogger });
  await instance.start();
  return { ...link, instance, connection: own };
}

beforeAll(async () => {
  server = await startNatsServer({ jetstream: false });
  [outer, middle, inner] = await Promise.all([
    startLink('outer', 'middle'),
    startLink('middle', 'inner'),
    startLink('inner'),
  ]);
  connection = await server.connect('caller');
  client = createClient(connection);
});
beforeEach(() => {
  for (const { seen } of [outer, middle, inner]) seen.splice(0);
});
afterAll(async () => {
  await client.close();
  for (const { instance } of [outer, middle, inner]) await instance.drain(0);
  await server.stop();
});

const path = ['middle', 'inner'];

/** Nothing is held any more, and nobody waits for an answer. */
async function expectRest(): Promise<void> {
  for (const link of [outer, middle, inner]) {
    await eventually(() => link.instance.telemetry().in_flight === 0 && link.connection.openReplies === 0);
  }
}

describe('an invocation that is cancelled', () => {
  it('ends what it has invoked, two plugins further, within 50 ms', async () => {
    const tookMs: number[] = [];
    for (let i = 0; i < 5; i += 1) {
      const controller = new AbortController();
      const failure = client
        .invoke('outer', 'wait', { path }, { signal: controller.signal })
        .catch((e: unknown) => e);
      await eventually(() => inner.seen.length === i + 1);
      const aborted = new Promise((resolve) => inner.seen[i]?.signal.addEventListener('abort', resolve));
      const before = performance.now();
      controller.abort();
      await aborted;
      tookMs.push(performance.now() - before);
      expect(await failure).toBeInstanceOf(CancelledError);
    }
    // The machine of a test may have something else to do for once, not five times.
    expect(Math.min(...tookMs)).toBeLessThan(50);
    for (const { seen } of [outer, middle, inner])
      expect(seen.map(({ signal }) => signal.reason as unknown)).toEqual(
        Array.from({ length: 5 }, () => expect.objectContaining({ code: 'CANCELLED' }) as unknown),
      );
    await expectRest();
  });

  it('ends the streams that it reads, when its caller leaves the loop', async () => {
    const counted = client.stream('outer', 'count', { path }, { timeoutMs: farMs });
    let last: unknown;
    for await (last of counted) if (Number(last) === 300) break;
    expect(last).toBe(300);
    await eventually(() => inner.seen[0]?.signal.aborted === true);
    await expectRest();
  });

  it('ends the streams that it reads, when its signal aborts while nobody reads', async () => {
    const controller = new AbortController();
    const counted = client.stream(
      'outer',
      'count',
      { path },
      { signal: controller.signal, timeoutMs: farMs },
    );
    await eventually(() => inner.seen.length === 1);
    controller.abort();
    await expect(counted.output).rejects.toThrow(CancelledError);
    await eventually(() => inner.seen[0]?.signal.aborted === true);
    await expectRest();
  });
});

describe('the deadline of an invocation', () => {
  it('is that of what it invokes: the time that is left is handed on, and its end cancels all of it', async () => {
    const before = performance.now();
    const failure = client.invoke('outer', 'wait', { path }, { timeoutMs: 700, traceparent });
    await expect(failure).rejects.toThrow(DeadlineExceededError);
    expect(performance.now() - before).toBeLessThan(10_000);
    const budgets = [outer, middle, inner].map(({ seen }) => seen[0]?.timeoutMs ?? NaN);
    expect(budgets[0]).toBeLessThanOrEqual(700);
    expect(budgets[1]).toBeLessThanOrEqual(budgets[0]!);
    expect(budgets[2]).toBeLessThanOrEqual(budgets[1]!);
    expect(budgets[2]).toBeGreaterThan(0);
    await eventually(() => [outer, middle, inner].every(({ seen }) => seen[0]?.signal.aborted === true));
    await expectRest();
  });

  it('is that of the streams that it reads, and of their chunks', async () => {
    const counted = client.stream('outer', 'count', { path }, { timeoutMs: 700, traceparent });
    let count = 0;
    const failure = (async () => {
      for await (const _ of counted) count += 1;
    })();
    await expect(failure).rejects.toThrow(DeadlineExceededError);
    expect(count).toBeGreaterThan(0);
    for (const { seen } of [outer, middle, inner]) {
      expect(seen).toMatchObject([{ traceparent }]);
      expect(seen[0]?.timeoutMs).toBeLessThanOrEqual(700);
    }
    await eventually(() => inner.seen[0]?.signal.aborted === true);
    await expectRest();
  });
});

describe('a stream of a handler', () => {
  it('passes on chunks and output, and no more than there is room for', async () => {
    const counted = client.stream('outer', 'count', { path, how: 'five' });
    const chunks: unknown[] = [];
    for await (const chunk of counted) chunks.push(chunk);
    expect(chunks).toEqual([0, 1, 2, 3, 4]);
    expect(await counted.output).toEqual({ by: 'inner' });
  });

  it('that fails lets its handler fail with the same code, which nobody repeats', async () => {
    const counted = client.stream('outer', 'count', { path, how: 'tired' }, { idempotent: true });
    const chunks: unknown[] = [];
    const failure = (async () => {
      for await (const chunk of counted) chunks.push(chunk);
    })();
    await expect(failure).rejects.toThrow(DeclaredPluginError);
    await expect(failure).rejects.toMatchObject({
      code: 'INNER_TIRED',
      retryable: false,
      message: 'so tired',
    });
    expect(chunks).toEqual([0, 1, 2, 3, 4]);
    expect(inner.seen).toHaveLength(1);
  });

  it('ends with its handler, read or not', async () => {
    expect(await client.invoke('outer', 'forget', { path: ['inner'] })).toBe(0);
    await eventually(() => inner.seen[0]?.signal.aborted === true);
    expect(inner.seen[0]?.signal.reason).toMatchObject({ code: 'CANCELLED' });
    await expectRest();
  });

  it('says what is wrong, and an error that is let through is not repeated', async () => {
    const failure = client.invoke('outer', 'clumsy', { path: ['inner'] }, { idempotent: true });
    await expect(failure).rejects.toMatchObject({ code: 'PLUGIN_UNAVAILABLE', retryable: false });
    expect(outer.errors).toMatchObject([{ code: 'INVALID_OUTPUT' }, { code: 'PLUGIN_NOT_FOUND' }]);
    await expectRest();
  });

  it('carries bytes both ways, larger than a message', async () => {
    async function* pieces(): AsyncGenerator<Uint8Array> {
      for (let i = 0; i < 30; i += 1) yield Buffer.alloc(100_000, i);
    }
    const answer = await client.fetch('outer', 'copy', {
      body: pieces(),
      contentType: 'audio/ogg',
      timeoutMs: farMs,
    });
    expect(answer.contentType).toBe('audio/ogg');
    const copy = Buffer.from(await answer.bytes());
    expect(copy.length).toBe(3_000_000);
    for (let i = 0; i < 30; i += 1) expect(copy[i * 100_000 + 50_000]).toBe(i);
    await expectRest();
  });
});
