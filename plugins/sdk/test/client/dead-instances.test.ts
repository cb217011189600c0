import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  DeadlineExceededError,
  PluginCrashedError,
  PluginOutOfMemoryError,
} from '../../src/client/errors.ts';
import type { InvocationError } from '../../src/client/errors.ts';
import { createClient } from '../../src/client/nats/index.ts';
import type { InvokeOptions, NatsClient, Retry } from '../../src/client/nats/index.ts';
import type { Connection } from '../../src/connection.ts';
import { headerNames, subjects } from '../../src/protocol/index.ts';
import { eventually, startNatsServer } from '../../src/testing.ts';
import type { TestServer } from '../../src/testing.ts';
import { startEcho } from './echo-mesh.ts';
import type { Echo } from './echo-mesh.ts';
import { announce, deathOf, Mortal } from './mortal.ts';

/** Far beyond what a test may take: who waits for it has failed. */
const deadlineMs = 60_000;
/** 100 ms and a round trip, and as much again as a busy machine may take. */
const soonMs = 5_000;

let server: TestServer;
let supervisor: Connection;
let connection: Connection;
let caller: NatsClient;
let retries: Retry[];
let plugins = 0;
let id: string;
const ends: (() => unknown)[] = [];

beforeAll(async () => {
  server = await startNatsServer({ jetstream: false });
  supervisor = await server.connect('supervisor');
});
beforeEach(async () => {
  id = `plugin-${(plugins += 1)}`;
  retries = [];
  connection = await server.connect('caller');
  caller = createClient(connection, { retry: { onRetry: (one) => retries.push(one) } });
  ends.push(async () => {
    await caller.close();
    await connection.close();
  });
});
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});
afterAll(() => server.stop());

async function startMortal(instance = `${id}-first`): Promise<Mortal> {
  const mortal = await Mortal.start(server, id, instance);
  ends.push(() => mortal.die());
  return mortal;
}

/** An instance of the SDK of the plugin of this test. */
async function startOther(): Promise<Echo> {
  const echo = await startEcho(server, {}, {}, id);
  ends.push(() => echo.instance.drain(0));
  return echo;
}

/** An invocation, and its end: what it gave or failed with, without a rejection that nobody handles. */
function invoke(payload: unknown = { text: 'x' }, options: InvokeOptions = {}, capability = 'text.say') {
  const startedAt = performance.now();
  return caller
    .invoke(id, capability, payload, { timeoutMs: deadlineMs, ...options })
    .catch((error: unknown) => error as InvocationError)
    .then((value) => ({ value, at: performance.now(), ms: performance.now() - startedAt }));
}

describe('when an instance dies, an invocation that it may have had', () => {
  it('fails within a second or so, with the reason', async () => {
    const mortal = await startMortal('0123456789abcdef');
    const outcome = invoke();
    await eventually(() => mortal.held.size === 1);
    await mortal.die();
    const diedAt = performance.now();
    announce(supervisor, deathOf(id, mortal.instance));
    const { value, at } = await outcome;
    expect(value).toBeInstanceOf(PluginCrashedError);
    expect(value).toMatchObject({
      executed: 'maybe',
      message: `The instance 01234567 of ${id} is gone, and no other holds the invocation: ended by SIGSEGV.`,
      invocationId: [...mortal.held.keys()][0],
    });
    expect(at - diedAt).toBeLessThan(soonMs);
    expect(retries).toEqual([]);
  });

  it('says so when the memory was the reason, and is not tried again by itself', async () => {
    const mortal = await startMortal();
    const outcomes = [invoke(), invoke({ text: 'y' }, { idempotent: true, maxAttempts: 1 })];
    await eventually(() => mortal.held.size === 2);
    await mortal.die();
    announce(supervisor, deathOf(id, mortal.instance, { ended: 'out_of_memory', error: 'took 2000 MB' }));
    for (const { value } of await Promise.all(outcomes)) {
      expect(value).toBeInstanceOf(PluginOutOfMemoryError);
      expect(value).toMatchObject({ retryable: false, problem: { status: 507 } });
      expect((value as Error).message).toContain('took 2000 MB');
    }
    expect(retries).toEqual([]);
  });

  it('goes on when another instance has it', async () => {
    const mortal = await startMortal();
    const lost = Array.from({ length: 3 }, () => invoke());
    await eventually(() => mortal.held.size === 3);
    const other = await startOther();
    const kept: ReturnType<typeof invoke>[] = [];
    await eventually(async () => {
      kept.push(invoke({ ms: 800 }, {}, 'text.wait'));
      await delay(5);
      return other.started.length >= 3;
    });
    const among = mortal.held.size;
    await mortal.die();
    announce(
      supervisor,
      deathOf(id, mortal.instance, { others: [{ instance: other.instance.id, inflight: true }] }),
    );
    for (const { value } of await Promise.all(lost)) expect(value).toBeInstanceOf(PluginCrashedError);
    const values = (await Promise.all(kept)).map(({ value }) => value);
    expect(values.filter((value) => value instanceof PluginCrashedError)).toHaveLength(among - 3);
    expect(values.filter((value) => !(value instanceof Error))).toHaveLength(other.started.length);
  });

  it('waits for a busy instance that has not even read the question', async () => {
    const mortal = await startMortal();
    const { url, credentials } = server;
    const worker = new Worker(new URL('busy-instance.ts', import.meta.url), {
      workerData: { url, credentials, id },
    });
    ends.push(() => worker.terminate());
    const [busy] = (await once(worker, 'message')) as [string];
    const isBusy = once(worker, 'message');
    worker.postMessage(1_500);
    await isBusy;
    const busySince = performance.now();
    const outcomes = Array.from({ length: 30 }, () => invoke());
    await eventually(() => mortal.held.size > 0);
    await connection.flush();
    await mortal.die();
    announce(supervisor, deathOf(id, mortal.instance, { others: [{ instance: busy, inflight: true }] }));
    const all = await Promise.all(outcomes);
    const failed = all.filter(({ value }) => value instanceof PluginCrashedError);
    const answered = all.filter(({ value }) => !(value instanceof Error));
    expect(failed).toHaveLength(mortal.held.size);
    expect(answered).toHaveLength(30 - mortal.held.size);
    expect(answered.length).toBeGreaterThan(0);
    // Its silence is no verdict.
    for (const { at } of failed) expect(at - busySince).toBeGreaterThan(1_300);
  });

  it('fails as soon as the one that has not answered yet is dead too', async () => {
    const [first, second] = [await startMortal(), await startMortal(`${id}-second`)];
    second.onQuestion = () => undefined;
    const outcomes = Array.from({ length: 20 }, () => invoke());
    await eventually(() => first.held.size + second.held.size === 20);
    await first.die();
    announce(
      supervisor,
      deathOf(id, first.instance, { others: [{ instance: second.instance, inflight: true }] }),
    );
    await eventually(() => second.questions.length === 1);
    const isOver = await Promise.race([Promise.race(outcomes).then(() => true), delay(400, false)]);
    expect(isOver).toBe(false);
    await second.die();
    announce(supervisor, deathOf(id, second.instance, { ended: 'out_of_memory' }));
    // Nobody can tell whose they were: the careful word counts, and no question is asked twice.
    for (const { value } of await Promise.all(outcomes)) expect(value).toBeInstanceOf(PluginOutOfMemoryError);
    expect(second.questions).toHaveLength(1);
  });

  it('keeps its deadline when one of the others has no SDK: nobody can say what that one holds', async () => {
    const mortal = await startMortal();
    const outcome = invoke({}, { timeoutMs: 700 });
    await eventually(() => mortal.held.size === 1);
    const second = await startMortal(`${id}-second`);
    await mortal.die();
    const others = [
      { instance: second.instance, inflight: true },
      { instance: 'plain', inflight: false },
    ];
    announce(supervisor, deathOf(id, mortal.instance, { others }));
    const { value, ms } = await outcome;
    expect(value).toBeInstanceOf(DeadlineExceededError);
    expect(ms).toBeGreaterThan(1_000);
    expect(second.questions).toEqual([]);
  });

  it('takes an answer that comes after the news, and before the verdict', async () => {
    const mortal = await startMortal();
    const outcome = invoke();
    await eventually(() => mortal.held.size === 1);
    // Asked, it has said nothing of what it holds: only the answer counts.
    mortal.onQuestion = (_, [asked = '']) => mortal.answer(asked, { text: 'late' });
    announce(supervisor, deathOf(id, mortal.instance));
    expect((await outcome).value).toEqual({ text: 'late' });
    expect(mortal.questions).toHaveLength(1);
  });

  it('is not concerned when it was sent after the news, nor by the same news again', async () => {
    const mortal = await startMortal();
    const before = invoke();
    await eventually(() => mortal.held.size === 1);
    mortal.onQuestion = () => undefined;
    announce(supervisor, deathOf(id, mortal.instance));
    expect((await before).value).toBeInstanceOf(PluginCrashedError);
    const after = invoke({}, { invocationId: 'after' });
    await eventually(() => mortal.held.size === 2);
    announce(supervisor, deathOf(id, mortal.instance));
    const isOver = await Promise.race([after.then(() => true), delay(400, false)]);
    expect(isOver).toBe(false);
    mortal.answer('after', 7);
    expect((await after).value).toBe(7);
    expect(mortal.questions).toHaveLength(1);
  });

  it('is not concerned by events that are none, or that name another than their subject', async () => {
    const mortal = await startMortal();
    const outcome = invoke();
    await eventually(() => mortal.held.size === 1);
    const event = deathOf(id, mortal.instance, { error: 'forged' });
    announce(supervisor, event, { id, instance: 'another' });
    announce(supervisor, { ...event, id: 'another' }, { id, instance: mortal.instance });
    announce(supervisor, { ...event, others: ['x'] as never });
    announce(supervisor, { ...event, ended: 'bored' as never });
    supervisor.publish(subjects.event(id, mortal.instance, 'status'), '{"ended"');
    await mortal.die();
    announce(supervisor, deathOf(id, mortal.instance, { error: 'true' }));
    expect(String((await outcome).value)).toContain(': true.');
    expect(mortal.questions).toEqual([]);
  });

  it('ends with all the others when they are many, a few questions for all', async () => {
    const mortal = await startMortal();
    const second = await startMortal(`${id}-second`);
    const outcomes = Array.from({ length: 2_300 }, () => invoke());
    await eventually(() => mortal.held.size + second.held.size === 2_300);
    await mortal.die();
    announce(
      supervisor,
      deathOf(id, mortal.instance, { others: [{ instance: second.instance, inflight: true }] }),
    );
    await eventually(() => second.questions.length === 5);
    const sentAt = performance.now();
    for (const invocationId of second.held.keys()) second.answer(invocationId, 'here');
    const values = (await Promise.all(outcomes)).map(({ value }) => value);
    expect(performance.now() - sentAt).toBeLessThan(soonMs);
    expect(values.filter((value) => value instanceof PluginCrashedError)).toHaveLength(mortal.held.size);
    expect(values.filter((value) => value === 'here')).toHaveLength(2_300 - mortal.held.size);
    expect(Math.max(...second.questions.map((asked) => asked.length))).toBe(500);
  });
});

describe('when an instance dies, an idempotent invocation that nobody else has', () => {
  it('is sent once more, with its id and what is left of its time, and answered by another', async () => {
    const mortal = await startMortal();
    const outcome = invoke({ text: 'Ada' }, { idempotent: true, invocationId: 'mine', timeoutMs: 50_000 });
    await eventually(() => mortal.held.size === 1);
    await delay(50);
    const other = await startMortal(`${id}-second`);
    await mortal.die();
    announce(
      supervisor,
      deathOf(id, mortal.instance, { others: [{ instance: other.instance, inflight: true }] }),
    );
    await eventually(() => other.held.has('mine'));
    const msg = other.held.get('mine');
    expect(msg?.json()).toEqual({ text: 'Ada' });
    expect(Number(msg?.headers?.get(headerNames.timeoutMs))).toBeLessThanOrEqual(49_950 - 100);
    expect(Number(msg?.headers?.get(headerNames.timeoutMs))).toBeGreaterThan(30_000);
    other.answer('mine', { text: 'Ada' });
    expect((await outcome).value).toEqual({ text: 'Ada' });
    expect(retries).toMatchObject([
      { attempt: 1, delayMs: 0, invocationId: 'mine', error: { name: 'PluginCrashedError' } },
    ]);
  });

  it('is answered by an instance of the SDK too', async () => {
    const mortal = await startMortal();
    const outcome = invoke({ text: 'Ada' }, { idempotent: true, invocationId: 'mine' });
    await eventually(() => mortal.held.size === 1);
    const other = await startOther();
    await mortal.die();
    announce(
      supervisor,
      deathOf(id, mortal.instance, { others: [{ instance: other.instance.id, inflight: true }] }),
    );
    expect((await outcome).value).toEqual({ text: 'Ada' });
    expect(other.started).toEqual(['mine']);
  });

  it('fails with the reason of the death when nobody is there, and is not sent more often than it may', async () => {
    const mortal = await startMortal();
    const outcome = invoke({}, { idempotent: true, maxAttempts: 2 });
    await eventually(() => mortal.held.size === 1);
    await mortal.die();
    announce(supervisor, deathOf(id, mortal.instance));
    const { value } = await outcome;
    expect(value).toBeInstanceOf(PluginCrashedError);
    expect(value).toMatchObject({ executed: 'maybe' });
    expect(retries).toHaveLength(1);
  });

  it('fails when the next instance dies too, and is tried as often as all calls in all', async () => {
    let mortal = await startMortal();
    const outcome = invoke({}, { idempotent: true, maxAttempts: 4 });
    const ids: string[] = [];
    for (let i = 2; i <= 5; i += 1) {
      await eventually(() => mortal.held.size === 1);
      ids.push(...mortal.held.keys());
      const next = await startMortal(`${id}-${i}`);
      await mortal.die();
      announce(
        supervisor,
        deathOf(id, mortal.instance, { others: [{ instance: next.instance, inflight: true }] }),
      );
      mortal = next;
    }
    expect((await outcome).value).toBeInstanceOf(PluginCrashedError);
    expect(mortal.held.size).toBe(0);
    // Sent again as it is once; then repeated as others are, each with an id of its own.
    expect(ids[1]).toBe(ids[0]);
    expect(new Set(ids).size).toBe(3);
    expect(retries.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
  });
});
