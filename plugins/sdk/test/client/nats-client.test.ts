import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  BusyError,
  CancelledError,
  CapabilityNotFoundError,
  DeadlineExceededError,
  DeclaredPluginError,
  InternalError,
  InvalidOutputError,
  InvalidPayloadError,
  PayloadTooLargeError,
  PluginNotFoundError,
  PluginUnavailableError,
} from '../../src/client/errors.ts';
import { createClient } from '../../src/client/nats/index.ts';
import type { NatsClient, NatsClientOptions, Retry } from '../../src/client/nats/index.ts';
import { headerNames, subjects } from '../../src/protocol/index.ts';
import { eventually, startNatsServer } from '../../src/testing.ts';
import type { TestServer } from '../../src/testing.ts';
import { startEcho } from './echo-mesh.ts';
import type { Echo, EchoMesh } from './echo-mesh.ts';

let server: TestServer;
const ends: (() => Promise<void>)[] = [];

beforeAll(async () => {
  server = await startNatsServer({ jetstream: false });
});
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()));
});
afterAll(() => server.stop());

async function start(limits: Parameters<typeof startEcho>[1] = {}): Promise<Echo> {
  const echo = await startEcho(server, limits);
  ends.push(() => echo.instance.drain(0));
  return echo;
}

async function client(options?: NatsClientOptions): Promise<NatsClient<EchoMesh>> {
  const connection = await server.connect('caller');
  const made = createClient<EchoMesh>(connection, options);
  ends.push(() => made.close().then(() => connection.close()));
  return made;
}

/** A plugin without the SDK that answers every invocation with what `answer` makes of it, or not at all. */
async function startPlain(
  id: string,
  answer: (body: string, header: (name: string) => string) => string | Uint8Array | undefined,
) {
  const connection = await server.connect(id);
  ends.push(() => connection.close());
  connection.subscribe(subjects.invokeAny(id), {
    queue: 'q',
    callback: (_, msg) => {
      const text = answer(msg.string(), (name) => msg.headers?.get(name) ?? '');
      if (text !== undefined) connection.respond(msg, text);
    },
  });
  await connection.flush();
  return connection;
}

describe('an invocation', () => {
  it('brings the output back', async () => {
    await start();
    expect(await (await client()).invoke('echo', 'text.say', { text: 'Grüße' })).toEqual({ text: 'Grüße' });
  });

  it('takes id, time and trace to the plugin, and no payload as an empty object', async () => {
    await startPlain('plain', (body, header) =>
      JSON.stringify({
        body,
        ...Object.fromEntries(Object.entries(headerNames).map(([name, written]) => [name, header(written)])),
      }),
    );
    const caller = createClient(await server.connect('other'));
    const seen = await caller.invoke('plain', 'a.b', undefined, {
      invocationId: 'mine',
      timeoutMs: 1_234.5,
      traceparent: '00-1-2-00',
      tracestate: 'a=b',
    });
    const absent = Object.fromEntries(Object.keys(headerNames).map((name) => [name, '']));
    expect(seen).toEqual({
      ...absent,
      body: '{}',
      invocationId: 'mine',
      timeoutMs: '1235',
      traceparent: '00-1-2-00',
      tracestate: 'a=b',
    });
  });

  it('loses no digit when it is raw', async () => {
    await startPlain('plain', (body) => ` ${body} `);
    const text = '{"n": 12345678901234567890.10, "m": 1e400}';
    expect(await (await client()).invokeRaw('plain', 'a', text, { invocationId: 'mine' })).toEqual({
      invocationId: 'mine',
      text: ` ${text} `,
    });
  });

  it('fails with the class of its code', async () => {
    await start();
    const caller = await client({ retry: false });
    const invoke = caller.invoke.bind(caller);
    await expect(invoke('echo', 'text.say', {} as { text: string })).rejects.toThrow(InvalidPayloadError);
    await expect(invoke('echo', 'text.say', {} as { text: string })).rejects.toMatchObject({
      problem: { errors: [{ path: '', message: "must have required property 'text'" }] },
      invocationId: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
    await expect(invoke('echo', 'text.nix' as 'text.say', { text: '' })).rejects.toThrow(
      CapabilityNotFoundError,
    );
    await expect(invoke('echo', 'text.lie', {})).rejects.toThrow(InvalidOutputError);
    await expect(invoke('echo', 'text.fail', { how: 'badly' })).rejects.toThrow(InternalError);
    await expect(invoke('echo', 'text.fail', { how: 'table' })).rejects.toThrow(PluginUnavailableError);
    await expect(invoke('echo', 'text.say', { text: 'x'.repeat(1_100_000) })).rejects.toThrow(
      PayloadTooLargeError,
    );
    const declared = invoke('echo', 'text.fail', { how: 'declared' });
    await expect(declared).rejects.toThrow(DeclaredPluginError);
    await expect(declared).rejects.toMatchObject({
      code: 'ECHO_TIRED',
      retryable: true,
      problem: { status: 422, errors: [{ path: '/how', message: 'is tiring' }] },
    });
  });

  it('fails when what comes is not JSON', async () => {
    const bodies = ['Hello!', Buffer.from('"Grüß Gott"', 'latin1')];
    let body: string | Uint8Array = '';
    await startPlain('plain', () => body);
    const caller = createClient(await server.connect('other'));
    for (body of bodies) {
      await expect(caller.invoke('plain', 'a', {})).rejects.toThrow(InvalidOutputError);
      await expect(caller.invokeRaw('plain', 'a', '{}')).rejects.toThrow(InvalidOutputError);
    }
    await expect(caller.invoke('plain', 'a', {})).rejects.toThrow(
      'a of plain gave is not JSON (it is not UTF-8)',
    );
  });

  it('is not sent when its names or its payload cannot be', async () => {
    let count = 0;
    await startPlain('plain', () => `${(count += 1)}`);
    const caller = createClient(await server.connect('other'));
    await expect(caller.invoke('plain.invoke', 'a', {})).rejects.toThrow(PluginNotFoundError);
    await expect(caller.invoke('*', 'a', {})).rejects.toThrow(PluginNotFoundError);
    await expect(caller.invoke('plain', 'a.>', {})).rejects.toThrow(CapabilityNotFoundError);
    for (const invocationId of ['', 'a b', 'a\r\nb: c'])
      await expect(caller.invoke('plain', 'a', {}, { invocationId })).rejects.toThrow(InvalidPayloadError);
    await expect(caller.invoke('plain', 'a', 1n)).rejects.toThrow(InvalidPayloadError);
    await expect(caller.invoke('plain', 'a', () => 1)).rejects.toThrow(InvalidPayloadError);
    await expect(caller.invokeRaw('plain', 'a', '{"a":')).rejects.toThrow(InvalidPayloadError);
    expect(count).toBe(0);
    expect(await caller.invoke('plain', 'a', null)).toBe(1);
  });
});

describe('a deadline', () => {
  it('is kept by the plugin, whose answer is the better one', async () => {
    const { aborted } = await start();
    const failure = (await client()).invoke('echo', 'text.wait', { ms: 700 }, { timeoutMs: 200 });
    await expect(failure).rejects.toThrow(DeadlineExceededError);
    // Its words, not those of the client.
    await expect(failure).rejects.toThrow('text.wait did not answer within 200 ms.');
    expect(aborted).toHaveLength(1);
  });

  it('is kept by the client half a second later when the plugin does not, and the plugin is told', async () => {
    const plain = await startPlain('mute', () => undefined);
    const cancels: unknown[] = [];
    plain.subscribe(subjects.cancel('mute'), { callback: (_, msg) => void cancels.push(msg.json()) });
    await plain.flush();
    const caller = createClient(await server.connect('other'));
    const before = performance.now();
    const failure = caller.invoke('mute', 'a', {}, { timeoutMs: 100, invocationId: 'mine' });
    await expect(failure).rejects.toThrow(DeadlineExceededError);
    expect(performance.now() - before).toBeGreaterThan(590);
    await eventually(() => cancels.length > 0);
    expect(cancels).toEqual([{ invocation_id: 'mine' }]);
  });
});

describe('giving up', () => {
  it('reaches the handler within 50 ms', async () => {
    const { started, aborted } = await start();
    const caller = await client();
    const tookMs: number[] = [];
    for (let i = 1; i <= 5; i += 1) {
      const controller = new AbortController();
      const failure = caller
        .invoke('echo', 'text.wait', { ms: 300 }, { signal: controller.signal })
        .catch((e: unknown) => e);
      await eventually(() => started.length === i);
      const before = performance.now();
      controller.abort(new Error('no more'));
      expect(await failure).toBeInstanceOf(CancelledError);
      expect(await failure).toMatchObject({ cause: { message: 'no more' } });
      await eventually(() => aborted.length === i, { everyMs: 1 });
      tookMs.push(performance.now() - before);
      expect(aborted.at(-1)).toMatchObject({ reason: { code: 'CANCELLED' } });
    }
    // The machine of a test may have something else to do for once, not five times.
    expect(Math.min(...tookMs)).toBeLessThan(50);
  });

  it('on everything is what closing the client does', async () => {
    const { started, aborted } = await start();
    const caller = await client();
    const failures = [1, 2].map(() =>
      caller.invoke('echo', 'text.wait', { ms: 300 }).catch((error: unknown) => error),
    );
    await eventually(() => started.length === 2);
    await caller.close();
    const errors = await Promise.all(failures);
    for (const error of errors) expect(error).toBeInstanceOf(CancelledError);
    await eventually(() => aborted.length === 2);
    // Each says which invocation it is about.
    const ids = errors.map((error) => (error as CancelledError).invocationId);
    expect(ids.sort()).toEqual([...started].sort());
    await expect(caller.invoke('echo', 'text.say', { text: '' })).rejects.toThrow('The client was closed.');
  });
});

describe('repeating', () => {
  it('finds the free one of two instances when the other is busy', async () => {
    const both = [
      await start({ max_concurrency: 1, max_queue: 0 }),
      await start({ max_concurrency: 1, max_queue: 0 }),
    ];
    const retries: Retry[] = [];
    const caller = await client({
      retry: {
        maxAttempts: 30,
        firstMs: 5,
        mostMs: 20,
        budget: { reserve: 1_000 },
        onRetry: (one) => retries.push(one),
      },
    });
    const blocking = caller.invoke('echo', 'text.wait', { ms: 2_000 });
    await eventually(() => both.some(({ started }) => started.length === 1));
    for (let i = 0; i < 30; i += 1) {
      expect(await caller.invoke('echo', 'text.say', { text: `${i}` })).toEqual({ text: `${i}` });
    }
    expect(retries.length).toBeGreaterThan(0);
    for (const { error } of retries) expect(error).toBeInstanceOf(BusyError);
    await blocking;
    // Each has run once, however often it was sent.
    expect(both.flatMap(({ started }) => started)).toHaveLength(31);
  });

  it('does not happen when it is switched off', async () => {
    const { started } = await start({ max_concurrency: 1, max_queue: 0 });
    const caller = await client({ retry: false });
    const blocking = caller.invoke('echo', 'text.wait', { ms: 300 });
    await eventually(() => started.length === 1);
    await expect(caller.invoke('echo', 'text.say', { text: '' })).rejects.toThrow(BusyError);
    await blocking;
  });

  it('is not needed when one of two instances drains under load', async () => {
    const first = await start();
    await start();
    const caller = await client({ retry: false });
    let isOver = false;
    let answers = 0;
    const load = Array.from({ length: 32 }, async () => {
      while (!isOver) {
        await caller.invoke('echo', 'text.wait', { ms: Math.random() * 20 });
        answers += 1;
      }
    });
    await eventually(() => answers > 100);
    await first.instance.drain();
    const third = await start();
    await eventually(() => third.started.length > 20);
    isOver = true;
    expect((await Promise.allSettled(load)).filter(({ status }) => status === 'rejected')).toEqual([]);
  });

  it('bridges the time in which there is no instance at all', async () => {
    const only = await start();
    const retries: Retry[] = [];
    const caller = await client({
      retry: {
        maxAttempts: 50,
        firstMs: 20,
        mostMs: 100,
        budget: { reserve: 10_000 },
        onRetry: (one) => retries.push(one),
      },
    });
    let isOver = false;
    let answers = 0;
    const load = Array.from({ length: 8 }, async () => {
      while (!isOver) {
        await caller.invoke('echo', 'text.wait', { ms: 2 });
        answers += 1;
      }
    });
    await eventually(() => answers > 20);
    await only.instance.drain();
    const next = await start();
    await eventually(() => next.started.length > 20);
    isOver = true;
    expect((await Promise.allSettled(load)).filter(({ status }) => status === 'rejected')).toEqual([]);
    expect(new Set(retries.map(({ error }) => error.code))).toEqual(new Set(['PLUGIN_UNAVAILABLE']));
  });
});
