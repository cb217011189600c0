/** An instance that replaces another one: tried on its own subject, then admitted to the queue group. */
import type { Msg } from '@nats-io/nats-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Connection } from '../src/connection.ts';
import { settlesWithin } from '../src/host/delay.ts';
import { Instance } from '../src/instance.ts';
import type { InstanceOptions } from '../src/instance.ts';
import { problemOfMsg } from '../src/problem.ts';
import { headerNames, subjects } from '../src/protocol/index.ts';
import type { Heartbeat, StatusEvent } from '../src/protocol/index.ts';
import { NoRespondersError } from '../src/request-failures.ts';
import { eventually, silentLogger, startNatsServer } from '../src/testing.ts';
import type { TestServer } from '../src/testing.ts';
import { createEcho } from './echo.ts';

let server: TestServer;
let caller: Connection;
const instances: Instance[] = [];

beforeAll(async () => {
  server = await startNatsServer({ jetstream: false });
  caller = await server.connect('caller');
});
afterEach(async () => {
  await Promise.all(instances.splice(0).map((instance) => instance.drain(0)));
});
afterAll(() => server.stop());

async function start(options: Partial<InstanceOptions> = {}, echo = createEcho()) {
  const connection = await server.connect('echo');
  const instance = new Instance(echo.plugin, { connection, log: silentLogger, ...options });
  instances.push(instance);
  await instance.start();
  return { instance, ...echo };
}

const ask = (subject: string, body: unknown = {}, headers: Record<string, string> = {}): Promise<Msg> =>
  caller.request(subject, JSON.stringify(body), { timeoutMs: 5_000, headers });
const say = () => ask(subjects.invokeCapability('echo', 'text.say'), { text: 'x' });
const sayAt = (instance: string) => ask(subjects.invokeAt('echo', instance, 'text.say'), { text: 'x' });
const admit = (instance: string) => ask(subjects.admit('echo', instance));
const statusOf = async (): Promise<StatusEvent[]> =>
  (await caller.requestMany(subjects.status('echo'), '', { forMs: 100 })).map((msg) => msg.json());

async function listen<Event>(kind: 'status' | 'telemetry'): Promise<Event[]> {
  const events: Event[] = [];
  caller.subscribe(subjects.events(kind, 'echo'), { callback: (_, msg) => void events.push(msg.json()) });
  await caller.flush();
  return events;
}

describe('an instance that is held', () => {
  it('answers on its own subject and by discovery, and gets nothing that is for any of its plugin', async () => {
    const { instance, started } = await start({ held: true });
    await expect(say()).rejects.toBeInstanceOf(NoRespondersError);
    const body = { capability: 'text.say', payload: { text: 'x' } };
    await expect(ask(subjects.invoke('echo'), body)).rejects.toBeInstanceOf(NoRespondersError);
    expect((await sayAt(instance.id)).json()).toEqual({ text: 'x' });
    expect(started).toHaveLength(1);
    const info = await ask(subjects.service('INFO', 'echo', instance.id));
    expect(info.json()).toMatchObject({ name: 'echo', id: instance.id });
    expect(await statusOf()).toMatchObject([{ status: 'starting', held: true }]);
  });

  it('says so in its events when it is ready, and not any more when it was admitted', async () => {
    const statuses = await listen<StatusEvent>('status');
    const beats = await listen<Heartbeat>('telemetry');
    const { instance } = await start({ held: true, heartbeatMs: 20 });
    await eventually(() => beats.at(-1)?.held === true);
    expect((await admit(instance.id)).json()).toEqual({ ok: true });
    await eventually(() => beats.at(-1)?.status === 'running' && beats.at(-1)?.held === undefined);
    expect(statuses.map(({ status, held }) => [status, held])).toEqual([
      ['starting', undefined],
      ['starting', true],
      ['running', undefined],
    ]);
    expect((await say()).json()).toEqual({ text: 'x' });
  });

  it('is admitted once, however often that is ordered', async () => {
    const { instance, started } = await start({ held: true });
    const replies = await Promise.all([admit(instance.id), admit(instance.id), admit(instance.id)]);
    expect([...replies, await admit(instance.id)].map((msg) => msg.json())).toEqual(
      Array(4).fill({ ok: true }),
    );
    for (let i = 0; i < 5; i += 1) await say();
    expect(started).toHaveLength(5);
  });

  it('is not admitted before it is ready', async () => {
    const ready = Promise.withResolvers<void>();
    const echo = createEcho();
    const plugin = { ...echo.plugin, start: () => ready.promise };
    const starting = start({ held: true, instance: 'slow' }, { ...echo, plugin });
    await eventually(async () => (await statusOf()).length === 1);
    expect(problemOfMsg(await admit('slow'))).toMatchObject({
      code: 'CONFLICT',
      detail: 'The instance slow of echo is not ready yet.',
    });
    ready.resolve();
    await starting;
    expect((await admit('slow')).json()).toEqual({ ok: true });
  });

  it('does not obey who wants the answer outside of _INBOX', async () => {
    const { instance } = await start({ held: true });
    for (const subject of [subjects.admit('echo', instance.id), subjects.drain('echo', instance.id)])
      caller.nats.publish(subject, '', { reply: 'secret.place' });
    await caller.flush();
    expect(await statusOf()).toMatchObject([{ status: 'starting', held: true }]);
    expect(await settlesWithin(instance.drainAsked, 50)).toBe(false);
  });

  it('takes its share under load from the moment it is admitted, and nothing is lost', async () => {
    const old = await start();
    const next = await start({ held: true });
    const counts = new Map<string, number>();
    const stop = new AbortController();
    const failures: unknown[] = [];
    const callers = Array.from({ length: 32 }, async () => {
      while (!stop.signal.aborted) {
        const id = crypto.randomUUID().replaceAll('-', '');
        counts.set(id, 0);
        const wait = ask(
          subjects.invokeCapability('echo', 'text.wait'),
          { ms: 1 + Math.random() * 9 },
          { [headerNames.invocationId]: id },
        );
        const failure: unknown = await wait.then(problemOfMsg, (error: unknown) => error);
        if (failure !== undefined) failures.push(failure);
      }
    });
    await eventually(() => old.started.length > 300);
    expect(next.started).toEqual([]);
    await admit(next.instance.id);
    await eventually(() => next.started.length > 300);
    await old.instance.drain();
    const taken = next.started.length;
    await eventually(() => next.started.length > taken + 100);
    stop.abort();
    await Promise.all(callers);
    for (const id of [...old.started, ...next.started]) counts.set(id, counts.get(id)! + 1);
    expect(failures).toEqual([]);
    expect([...counts.values()].filter((times) => times !== 1)).toEqual([]);
  });

  it('drains like any other, answers what it holds, and cannot be admitted any more', async () => {
    const statuses = await listen<StatusEvent>('status');
    const { instance, started } = await start({ held: true });
    const reply = ask(subjects.invokeAt('echo', instance.id, 'text.wait'), { ms: 200 });
    await eventually(() => started.length === 1);
    const drained = instance.drain();
    expect(problemOfMsg(await admit(instance.id))).toMatchObject({
      code: 'CONFLICT',
      detail: expect.stringContaining('is ending'),
    });
    expect((await reply).json()).toEqual({ waited: 200 });
    await drained;
    await eventually(() => statuses.at(-1)?.status === 'stopped');
    expect(statuses.slice(2).map(({ status, held }) => [status, held])).toEqual([
      ['stopping', undefined],
      ['stopped', undefined],
    ]);
  });
});

describe('the last heartbeat', () => {
  it('comes right before the end, and counts what was answered until then', async () => {
    const events: (StatusEvent | Heartbeat)[] = [];
    caller.subscribe('plugin.echo.events.*.*', { callback: (_, msg) => void events.push(msg.json()) });
    const { instance, started } = await start({ heartbeatMs: 60_000 });
    const reply = ask(subjects.invokeCapability('echo', 'text.wait'), { ms: 100 });
    await say();
    await ask(subjects.invokeCapability('echo', 'text.lie'));
    await eventually(() => started.length === 2);
    await instance.drain();
    await reply;
    await eventually(() => events.at(-1)?.status === 'stopped');
    expect(events.at(-2)).toMatchObject({
      seq: 1,
      status: 'stopping',
      telemetry: { request_count: 3, error_count: 1, in_flight: 0 },
    });
  });
});
