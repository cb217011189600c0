import type { Msg } from '@nats-io/nats-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Connection } from '../src/connection.ts';
import type { StartContext } from '../src/define-plugin.ts';
import { Instance } from '../src/instance.ts';
import type { InstanceOptions } from '../src/instance.ts';
import { problemOfMsg } from '../src/problem.ts';
import { headerNames, subjects } from '../src/protocol/index.ts';
import type { PluginConfig, Problem, StatusEvent } from '../src/protocol/index.ts';
import { configDefaults } from '../src/protocol/plugin.ts';
import type { Resend } from '../src/requests.ts';
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

async function start(echo = createEcho(), options: Partial<InstanceOptions> = {}) {
  const connection = await server.connect('echo');
  const instance = new Instance(echo.plugin, { connection, log: silentLogger, ...options });
  instances.push(instance);
  await instance.start();
  return { instance, ...echo };
}

const limits = (changes: Partial<PluginConfig['limits']>, timeoutSecs = 30): PluginConfig => ({
  id: 'echo',
  ...configDefaults,
  limits: { ...configDefaults.limits, ...changes },
  resources: { ...configDefaults.resources, timeout_secs: timeoutSecs },
});

function invoke(capability: string, payload: unknown, headers: Record<string, string> = {}): Promise<Msg> {
  const isRaw = typeof payload === 'string' || payload instanceof Uint8Array;
  const body = isRaw ? payload : JSON.stringify(payload);
  return caller.request(subjects.invokeCapability('echo', capability), body, { timeoutMs: 5_000, headers });
}

async function problem(reply: Promise<Msg>): Promise<Problem> {
  const found = problemOfMsg(await reply);
  if (!found) throw new Error('it succeeded');
  return found;
}

describe('an invocation', () => {
  it('answers with the bare output and no header', async () => {
    await start();
    const reply = await invoke('text.say', { text: 'hello' });
    expect(reply.json()).toEqual({ text: 'hello' });
    expect(reply.headers).toBeUndefined();
  });

  it('may name the capability in the body', async () => {
    await start();
    const body = JSON.stringify({ capability: 'text.say', payload: { text: 'hello' } });
    const reply = await caller.request(subjects.invoke('echo'), body, { timeoutMs: 5_000 });
    expect(reply.json()).toEqual({ text: 'hello' });
  });

  it('can be sent to one instance', async () => {
    const [first, second] = [await start(), await start()];
    const subject = subjects.invokeAt('echo', second.instance.id, 'text.say');
    for (let i = 0; i < 10; i += 1) {
      await caller.request(subject, '{"text":"you"}', { timeoutMs: 5_000 });
    }
    expect([first.started.length, second.started.length]).toEqual([0, 10]);
  });

  it('reaches exactly one of several instances, whichever subject names it', async () => {
    const both = [await start(), await start()];
    const body = JSON.stringify({ capability: 'text.say', payload: { text: '' } });
    for (let i = 0; i < 100; i += 1) {
      await caller.request(subjects.invoke('echo'), body, { timeoutMs: 5_000 });
      await invoke('text.say', { text: '' });
    }
    const counts = both.map(({ started }) => started.length);
    expect(counts[0]! + counts[1]!).toBe(200);
    expect(Math.min(...counts)).toBeGreaterThan(50);
  });

  it('is carried out without a reply subject, and refused with one outside of _INBOX', async () => {
    const { started } = await start();
    caller.publish(subjects.invokeCapability('echo', 'text.say'), '{"text":"x"}');
    await eventually(() => started.length === 1);
    const heard: string[] = [];
    caller.subscribe('secret.place', { callback: (_, msg) => void heard.push(msg.subject) });
    caller.nats.publish(subjects.invokeCapability('echo', 'text.say'), '{"text":"x"}', {
      reply: 'secret.place',
    });
    await invoke('text.say', { text: 'after it' });
    expect(started).toHaveLength(2);
    expect(heard).toEqual([]);
  });

  it.each([
    ['no JSON', '{', 'INVALID_PAYLOAD', /not JSON/],
    ['an empty payload', '', 'INVALID_PAYLOAD', /empty/],
    ['Latin-1', Buffer.from('{"text":"ä"}', 'latin1'), 'INVALID_PAYLOAD', /not JSON \(it is not UTF-8\)/],
    ['a byte order mark', '\uFEFF{"text":"a"}', 'INVALID_PAYLOAD', /begins with a byte order mark/],
    ['a payload of another shape', { text: 7, more: 1 }, 'INVALID_PAYLOAD', /\/text must be string/],
  ])('refuses %s without running anything', async (_, payload, code, words) => {
    const { started } = await start();
    const found = await problem(invoke('text.say', payload));
    expect(found).toMatchObject({ code, status: 400, retryable: false });
    expect(found.detail).toMatch(words);
    expect(found.errors?.length).toBeGreaterThan(0);
    expect(started).toEqual([]);
  });

  it('names every place that is wrong', async () => {
    await start();
    const { errors } = await problem(invoke('text.say', { text: 7, more: 1 }));
    expect(errors).toEqual([
      { path: '', message: 'must NOT have additional properties: "more"' },
      { path: '/text', message: 'must be string' },
    ]);
  });

  it.each([
    [{ 'Content-Type': 'image/png' }, /image\/png.*application\/json/],
    [{ 'Bkg-Timeout-Ms': 'soon' }, /Bkg-Timeout-Ms is "soon".*milliseconds/],
    [{ 'Bkg-Invocation-Id': 'a.b' }, /Bkg-Invocation-Id is "a.b"/],
  ])('refuses the headers %j', async (headers, words) => {
    await start();
    expect((await problem(invoke('text.say', { text: '' }, headers as never))).detail).toMatch(words);
  });

  it('says which capabilities there are when it is asked for another', async () => {
    await start();
    const found = await problem(invoke('text.sing', {}));
    expect(found).toMatchObject({ code: 'CAPABILITY_NOT_FOUND', status: 404 });
    expect(found.detail).toContain('text.say');
    const body = JSON.stringify({ capability: 'text.sing', payload: {} });
    const inBody = problem(caller.request(subjects.invoke('echo'), body, { timeoutMs: 5_000 }));
    expect((await inBody).code).toBe('CAPABILITY_NOT_FOUND');
    const without = problem(caller.request(subjects.invoke('echo'), '{}', { timeoutMs: 5_000 }));
    expect((await without).errors?.[0]?.path).toBe('/capability');
  });

  it.each([
    [
      'declared',
      { code: 'ECHO_TIRED', status: 422, retryable: true, detail: 'so tired', title: 'Echo tired' },
    ],
    ['table', { code: 'PLUGIN_UNAVAILABLE', status: 503, retryable: true }],
    ['undeclared', { code: 'INTERNAL', status: 500, retryable: false }],
    ['thrown', { code: 'INTERNAL', status: 500, retryable: false }],
  ])('fails with what the handler throws: %s', async (how, expected) => {
    await start();
    const reply = await invoke('text.fail', { how });
    expect(problemOfMsg(reply)).toMatchObject(expected);
    expect(reply.headers?.get(headerNames.errorCode)).toBe(String(expected.status));
    expect(reply.headers?.get(headerNames.error)).toMatch(/^[\x20-\x7e]{1,200}$/);
    expect(reply.string()).not.toContain('hunter2');
  });

  it('never hands out a result that breaks the schema, is no JSON or is too large', async () => {
    await start();
    expect(await problem(invoke('text.lie', {}))).toMatchObject({ code: 'INVALID_OUTPUT', status: 500 });
    expect(await problem(invoke('text.nothing', {}))).toMatchObject({ code: 'INVALID_OUTPUT' });
    const large = await problem(invoke('text.large', { bytes: 2 * 1024 * 1024 }));
    expect(large).toMatchObject({ code: 'INVALID_OUTPUT', status: 500 });
    expect(large.detail).toMatch(/2097163 bytes.*1048576/);
  });
});

describe('a failure larger than the broker takes', () => {
  it('is answered without its details', async () => {
    await using small = await startNatsServer({ jetstream: false, config: 'max_payload: 8192' });
    const instance = new Instance(createEcho().plugin, {
      connection: await small.connect('echo'),
      log: silentLogger,
    });
    await instance.start();
    const payload = JSON.stringify({ text: '', ['k'.repeat(6_000)]: 1, ['l'.repeat(500)]: 2 });
    const connection = await small.connect('caller');
    const reply = await connection.request(subjects.invokeCapability('echo', 'text.say'), payload, {
      timeoutMs: 2_000,
    });
    expect(problemOfMsg(reply)).toMatchObject({ code: 'INVALID_PAYLOAD' });
    await instance.drain(0);
  });
});

describe('a deadline', () => {
  it('is answered when it passes, and aborts the handler', async () => {
    const { aborted } = await start();
    const before = performance.now();
    const found = await problem(invoke('text.wait', { ms: 400 }, { [headerNames.timeoutMs]: '50' }));
    expect(found).toMatchObject({ code: 'DEADLINE_EXCEEDED', status: 504 });
    expect(performance.now() - before).toBeLessThan(350);
    expect(aborted).toHaveLength(1);
  });

  it('cannot be longer than the configuration allows', async () => {
    await start(createEcho(), { config: limits({}, 0.05) });
    const found = await problem(invoke('text.wait', { ms: 400 }, { [headerNames.timeoutMs]: '60000' }));
    expect(found.detail).toContain('within 50 ms');
  });

  it('also passes in the queue', async () => {
    const { started } = await start(createEcho(), { config: limits({ max_concurrency: 1 }) });
    const first = invoke('text.wait', { ms: 300 });
    const second = problem(invoke('text.say', { text: '' }, { [headerNames.timeoutMs]: '50' }));
    expect((await second).code).toBe('DEADLINE_EXCEEDED');
    expect((await first).json()).toEqual({ waited: 300 });
    expect(started).toHaveLength(1);
  });
});

describe('cancelling', () => {
  it('aborts the handler and answers at once, wherever the invocation is', async () => {
    const [first, second] = [await start(), await start()];
    const id = 'a'.repeat(32);
    const reply = problem(invoke('text.wait', { ms: 400 }, { [headerNames.invocationId]: id }));
    await eventually(async () =>
      (await inflight([id])).some(({ invocation_ids }) => invocation_ids.length === 1),
    );
    caller.publish(subjects.cancel('echo'), JSON.stringify({ invocation_id: id }));
    expect(await reply).toMatchObject({ code: 'CANCELLED', status: 499 });
    expect((await inflight([id])).flatMap(({ invocation_ids }) => invocation_ids)).toEqual([]);
    expect([...first.aborted, ...second.aborted].map((one) => one.id)).toEqual([id]);
  });

  it('ignores what it does not understand', async () => {
    const { instance } = await start();
    for (const body of ['', 'null', '[]', '{"invocation_id": 7}'])
      caller.publish(subjects.cancel('echo'), body);
    expect((await invoke('text.say', { text: 'alive' })).json()).toEqual({ text: 'alive' });
    expect(instance.status).toBe('running');
  });

  it('refuses a second invocation with an id that is running', async () => {
    const { started } = await start();
    const headers = { [headerNames.invocationId]: 'b'.repeat(32) };
    const first = invoke('text.wait', { ms: 200 }, headers);
    await eventually(() => started.length === 1);
    expect(await problem(invoke('text.wait', { ms: 200 }, headers))).toMatchObject({ code: 'CONFLICT' });
    expect((await first).json()).toEqual({ waited: 200 });
  });

  it('passes over one that its caller has sent again for the same answer', async () => {
    const { started } = await start();
    const headers = { [headerNames.invocationId]: 'c'.repeat(32) };
    let resend: Resend | undefined;
    const onSend = (again: Resend): void => void (resend = again);
    const reply = caller.request(subjects.invokeCapability('echo', 'text.wait'), '{"ms":200}', {
      timeoutMs: 5_000,
      headers,
      onSend,
    });
    await eventually(() => started.length === 1);
    resend?.(headers);
    expect((await reply).json()).toEqual({ waited: 200 });
    expect(started).toHaveLength(1);
  });
});

async function inflight(ids: string[]): Promise<{ instance: string; invocation_ids: string[] }[]> {
  const replies = await caller.requestMany(
    subjects.inflight('echo'),
    JSON.stringify({ invocation_ids: ids }),
    {
      forMs: 100,
    },
  );
  return replies.map((msg) => msg.json());
}

describe('backpressure', () => {
  it('runs as many handlers as allowed, queues as many as allowed and answers BUSY to the rest', async () => {
    const { instance, started } = await start(createEcho(), {
      config: limits({ max_concurrency: 2, max_queue: 3 }),
    });
    const replies = Array.from({ length: 8 }, () => invoke('text.wait', { ms: 100 }));
    await eventually(() => instance.telemetry().queue_depth === 3);
    expect(started).toHaveLength(2);
    const results = (await Promise.all(replies)).map((msg) => problemOfMsg(msg)?.code ?? 'answered');
    expect(results.filter((result) => result === 'answered')).toHaveLength(5);
    expect(results.filter((result) => result === 'BUSY')).toHaveLength(3);
    expect(instance.telemetry()).toMatchObject({ queue_depth: 0, in_flight: 0 });
  });

  it('keeps the place of a handler that goes on after its answer was due', async () => {
    const { started } = await start(createEcho(), { config: limits({ max_concurrency: 1 }) });
    await problem(invoke('text.wait', { ms: 200 }, { [headerNames.timeoutMs]: '20' }));
    const before = performance.now();
    await invoke('text.wait', { ms: 1 });
    expect(performance.now() - before).toBeGreaterThan(100);
    expect(started).toHaveLength(2);
  });

  it('loses no place to invocations that gave up in the queue', async () => {
    await start(createEcho(), { config: limits({ max_concurrency: 2, max_queue: 1_000 }) });
    const impatient = Array.from({ length: 300 }, (_, i) =>
      invoke('text.heed', { ms: 5 }, { [headerNames.timeoutMs]: String(i % 40) }),
    );
    await Promise.all(impatient);
    const both = await Promise.all([invoke('text.wait', { ms: 50 }), invoke('text.wait', { ms: 50 })]);
    expect(both.map((msg) => problemOfMsg(msg))).toEqual([undefined, undefined]);
  });
});

describe('a nested invocation', () => {
  it('keeps the trace, gets the time that is left and brings errors back', async () => {
    await start();
    await start(createEcho('other'));
    const seen: { traceparent?: string; timeoutMs: number }[] = [];
    caller.subscribe('plugin.spy.invoke.>', {
      callback: (_, msg) => {
        seen.push({
          traceparent: msg.headers!.get(headerNames.traceparent),
          timeoutMs: Number(msg.headers!.get(headerNames.timeoutMs)),
        });
        msg.respond('{}');
      },
    });
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const headers = { [headerNames.traceparent]: traceparent, [headerNames.timeoutMs]: '2000' };
    await invoke('text.pass_on', { to: 'spy', capability: 'x', payload: {} }, headers);
    expect(seen[0]?.traceparent).toBe(traceparent);
    expect(seen[0]?.timeoutMs).toBeGreaterThan(1_500);
    expect(seen[0]?.timeoutMs).toBeLessThanOrEqual(2_000);
    const failed = problem(
      invoke('text.pass_on', { to: 'other', capability: 'text.fail', payload: { how: 'declared' } }),
    );
    // Of their own retryable; but this handler has run, and would run again.
    expect(await failed).toMatchObject({ code: 'OTHER_TIRED', status: 422, retryable: false });
    caller.subscribe(subjects.invokeCapability('latin', 'x'), {
      callback: (_, msg) => void caller.respond(msg, Uint8Array.of(0x22, 0xe4, 0x22)),
    });
    await caller.nats.flush();
    const latin = problem(invoke('text.pass_on', { to: 'latin', capability: 'x', payload: {} }));
    expect(await latin).toMatchObject({
      code: 'INVALID_OUTPUT',
      detail: expect.stringContaining('not UTF-8'),
    });
    const nobody = problem(invoke('text.pass_on', { to: 'nobody', capability: 'x', payload: {} }));
    expect(await nobody).toMatchObject({ code: 'PLUGIN_UNAVAILABLE', retryable: false });
  });

  it('is cancelled with the invocation around it', async () => {
    await start();
    const { started, aborted } = await start(createEcho('other'));
    const payload = { to: 'other', capability: 'text.wait', payload: { ms: 9_000 } };
    const outer = problem(invoke('text.pass_on', payload, { [headerNames.invocationId]: 'outer' }));
    await eventually(() => started.length === 1);
    caller.publish(subjects.cancel('echo'), '{"invocation_id":"outer"}');
    expect(await outer).toMatchObject({ code: 'CANCELLED' });
    await eventually(() => aborted.length === 1);
  });
});

describe('an instance', () => {
  it('announces starting, running, stopping and stopped, and answers status and telemetry', async () => {
    const events: StatusEvent[] = [];
    const subscription = caller.subscribe(subjects.events('status', 'echo'), {
      callback: (_, msg) => void events.push(msg.json()),
    });
    const { instance } = await start();
    const [status] = await caller.requestMany(subjects.status('echo'), '', { forMs: 500, most: 1 });
    expect(status?.json()).toMatchObject({
      id: 'echo',
      instance: instance.id,
      status: 'running',
      version: '1.2.3',
    });
    await invoke('text.say', { text: '' });
    await problem(invoke('text.lie', {}));
    const [telemetry] = await caller.requestMany(subjects.telemetry('echo'), '', { forMs: 500, most: 1 });
    expect(telemetry?.json()).toMatchObject({
      plugin_id: 'echo',
      request_count: 2,
      error_count: 1,
      in_flight: 0,
    });
    await instance.drain();
    await eventually(() => events.some(({ status }) => status === 'stopped'));
    expect(events.map((event) => event.status)).toEqual(['starting', 'running', 'stopping', 'stopped']);
    subscription.unsubscribe();
  });

  it('beats with what it measures, and with a hash of what it says of itself', async () => {
    const beats: { seq: number; descriptor: string; telemetry: { memory_mb: number } }[] = [];
    const subscription = caller.subscribe(subjects.events('telemetry', 'echo'), {
      callback: (_, msg) => void beats.push(msg.json()),
    });
    await start(createEcho(), { heartbeatMs: 20 });
    await eventually(() => beats.length >= 3);
    expect(beats.slice(0, 3).map(({ seq }) => seq)).toEqual([0, 1, 2]);
    expect(new Set(beats.map(({ descriptor }) => descriptor)).size).toBe(1);
    expect(beats[0]!.telemetry.memory_mb).toBeGreaterThan(10);
    subscription.unsubscribe();
  });

  it('gives the start of a plugin its connection and its id', async () => {
    const { plugin } = createEcho();
    const given = Promise.withResolvers<StartContext>();
    const connection = await server.connect('echo');
    const starting = { ...plugin, start: async (context: StartContext) => given.resolve(context) };
    const instance = new Instance(starting, { connection, log: silentLogger });
    instances.push(instance);
    await instance.start();
    expect(await given.promise).toMatchObject({ connection, instance: instance.id, log: silentLogger });
  });

  it('says why it could not start, and takes no invocation before it has', async () => {
    const { plugin } = createEcho();
    const asked = Promise.withResolvers<void>();
    const waiting = { ...plugin, start: () => asked.promise };
    const connection = await server.connect('echo');
    const instance = new Instance(waiting, { connection, log: silentLogger });
    instances.push(instance);
    const started = instance.start();
    await eventually(
      async () => (await caller.requestMany(subjects.status('echo'), '', { forMs: 50 })).length === 1,
    );
    await expect(invoke('text.say', { text: '' })).rejects.toThrow(/Nobody answers/);
    asked.reject(new Error('no disk'));
    await expect(started).rejects.toThrow('no disk');
    const [status] = await caller.requestMany(subjects.status('echo'), '', { forMs: 500, most: 1 });
    expect(status?.json()).toMatchObject({ status: 'error', error: 'It could not start: no disk' });
  });

  it('answers the supervisor’s order to drain and tells its owner', async () => {
    const { instance } = await start();
    const reply = await caller.request(subjects.drain('echo', instance.id), '', { timeoutMs: 1_000 });
    expect(reply.json()).toEqual({ ok: true });
    await instance.drainAsked;
  });
});

describe('draining', () => {
  it('answers what it holds, queued invocations included, before it leaves', async () => {
    const { instance, started } = await start(createEcho(), { config: limits({ max_concurrency: 2 }) });
    const replies = Array.from({ length: 6 }, () => invoke('text.wait', { ms: 60 }));
    await eventually(() => started.length === 2);
    const drained = instance.drain();
    expect((await Promise.all(replies)).map((msg) => msg.json())).toEqual(Array(6).fill({ waited: 60 }));
    await drained;
    await expect(invoke('text.say', { text: '' })).rejects.toThrow(/Nobody answers/);
  });

  it('aborts after the grace period what does not end', async () => {
    const { instance, started } = await start();
    const reply = problem(invoke('text.wait', { ms: 700 }));
    await eventually(() => started.length === 1);
    await instance.drain(50);
    expect(await reply).toMatchObject({ code: 'PLUGIN_CRASHED', retryable: true });
  });

  it('does not wait for a broker that is away', async () => {
    await using broker = await startNatsServer({ jetstream: false });
    const instance = new Instance(createEcho().plugin, {
      connection: await broker.connect('echo'),
      log: silentLogger,
    });
    await instance.start();
    await broker.kill();
    const before = performance.now();
    await instance.drain();
    expect(performance.now() - before).toBeLessThan(5_000);
  });

  it('loses and doubles nothing while instances replace each other under load', async () => {
    let current = await start();
    const counts = new Map<string, number>();
    const stop = new AbortController();
    let [answered, failed] = [0, 0];
    const callers = Array.from({ length: 32 }, async () => {
      while (!stop.signal.aborted) {
        const id = crypto.randomUUID().replaceAll('-', '');
        counts.set(id, 0);
        const reply = await invoke(
          'text.wait',
          { ms: 5 + Math.random() * 40 },
          { [headerNames.invocationId]: id },
        );
        if (problemOfMsg(reply)) failed += 1;
        else answered += 1;
      }
    });
    const all = [current];
    for (let swap = 0; swap < 10; swap += 1) {
      const next = await start();
      all.push(next);
      await current.instance.drain();
      current = next;
    }
    stop.abort();
    await Promise.all(callers);
    for (const { started } of all) for (const id of started) counts.set(id, counts.get(id)! + 1);
    expect(failed).toBe(0);
    expect(answered).toBe(counts.size);
    expect([...counts.values()].every((times) => times === 1)).toBe(true);
    expect(answered).toBeGreaterThan(200);
  });
});
