import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { configDefaults, NoRespondersError, problemOfMsg } from '@bkg/sdk';
import type { BkgError, Chunk, Status } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import { completeCall } from '../src/invoke/call-headers.ts';
import type { Call } from '../src/invoke/call.ts';
import type { StreamedCall } from '../src/invoke/streamed-call.ts';
import { entryOf, serve, startMesh } from './mesh.ts';
import type { TestMesh } from './mesh.ts';
import { RawStream } from './raw-stream.ts';
import { announce, told } from './single-writer.ts';

let mesh: TestMesh;
let plugins = 0;
let id: string;
let controller: AbortController;
let streams: RawStream[];
let cancelled: string[];

beforeAll(async () => {
  mesh = await startMesh();
  mesh.peer.subscribe('plugin.*.cancel', {
    callback: (_error, msg) => void cancelled.push(msg.json<{ invocation_id: string }>().invocation_id),
  });
});
beforeEach(() => {
  id = `plugin-${(plugins += 1)}`;
  controller = new AbortController();
  streams = [];
  cancelled = [];
});
afterAll(() => mesh[Symbol.asyncDispose]());

async function put(changes: Parameters<typeof entryOf>[2] = {}, status: Status = 'running'): Promise<void> {
  const entry = entryOf(id, status, changes);
  await mesh.supervisor.put(entry);
  await eventually(() => mesh.app.catalog.get(id)?.observed_at === entry.observed_at);
}

function answerWith(act: (stream: RawStream) => unknown): Promise<void> {
  return serve(mesh.peer, id, 'echo', (msg) => {
    const stream = new RawStream(mesh.peer, id, msg);
    streams.push(stream);
    act(stream);
  });
}

function call(given: Partial<Call> = {}): Call {
  const empty = { invocationId: undefined, timeoutMs: 30_000, traceparent: undefined, tracestate: undefined };
  return {
    ...completeCall(empty),
    pluginId: id,
    capability: 'echo',
    body: Buffer.from('{}'),
    contentType: undefined,
    mayRead: true,
    ...given,
  };
}

function open(given: Partial<Call> = {}): StreamedCall {
  return mesh.app.invocations.stream(call(given), controller);
}

const textOf = ({ data }: Chunk): string => Buffer.from(data).toString();

async function textsOf(stream: AsyncIterable<Chunk>): Promise<string[]> {
  const texts: string[] = [];
  for await (const chunk of stream) texts.push(textOf(chunk));
  return texts;
}

/** What it fails with. */
async function failureOf(promise: Promise<unknown>): Promise<BkgError> {
  return promise.then(
    () => {
      throw new Error('It did not fail.');
    },
    (error: unknown) => error as BkgError,
  );
}

describe('a streamed invocation', () => {
  it('gives the chunks in their order, and then the last reply', async () => {
    await put();
    await answerWith(async (stream) => {
      for (let i = 0; i < 100; i += 1) await stream.write(String(i));
      stream.end('"done"');
    });
    const streamed = open();
    const { headers, data } = await streamed.first;
    expect([headers?.get('Bkg-Seq'), data]).toEqual(['0', new Uint8Array(0)]);
    expect(await textsOf(streamed)).toEqual(Array.from({ length: 100 }, (_, i) => String(i)));
    expect((await streamed.last).json()).toBe('done');
    expect(cancelled).toEqual([]);
    expect(mesh.app.invocations.streams).toBe(0);
  });

  it('gives a reply that is no stream as the last, without chunks', async () => {
    await put();
    await serve(mesh.peer, id, 'echo', (msg) => msg.respond('{"a":1}'));
    const streamed = open();
    expect((await streamed.first).string()).toBe('{"a":1}');
    expect((await streamed.last).string()).toBe('{"a":1}');
    expect(await textsOf(streamed)).toEqual([]);
    await eventually(() => mesh.app.invocations.streams === 0);
  });

  it('gives a failure in the middle as the last reply', async () => {
    await put();
    await answerWith(async (stream) => {
      await stream.write('1');
      stream.fail(404, 'gone');
    });
    const streamed = open();
    expect(await textsOf(streamed)).toEqual(['1']);
    expect(problemOfMsg(await streamed.last)).toMatchObject({ status: 404, detail: 'gone' });
  });

  it('lets no more chunks come than are read', async () => {
    await put();
    await answerWith(async (stream) => {
      for (let i = 0; i < 50; i += 1) await stream.write(Buffer.alloc(100_000));
      stream.end();
    });
    const streamed = open();
    await streamed.first;
    await mesh.peer.nats.flush();
    expect(streams[0]?.count).toBeLessThan(10);
    expect(await textsOf(streamed)).toHaveLength(50);
  });

  it('ends when its reader leaves, and the plugin hears of it', async () => {
    await put();
    await answerWith((stream) => stream.write('1'));
    const given = call();
    const streamed = mesh.app.invocations.stream(given, controller);
    await streamed.first;
    streamed.leave();
    await eventually(() => cancelled.includes(given.invocationId));
    await eventually(() => streams[0]?.isCancelled === true);
    expect((await failureOf(streamed.last)).code).toBe('CANCELLED');
    expect(mesh.app.invocations.streams).toBe(0);
  });

  it('ends when its reader leaves before anything has come', async () => {
    await put();
    await answerWith(() => undefined);
    const given = call();
    const streamed = mesh.app.invocations.stream(given, controller);
    await eventually(() => streams.length === 1);
    streamed.leave();
    expect((await failureOf(streamed.first)).code).toBe('CANCELLED');
    await eventually(() => cancelled.includes(given.invocationId));
  });

  it('ends when the reader breaks off', async () => {
    await put();
    await answerWith(async (stream) => {
      while (await stream.write('1'));
    });
    const given = call();
    for await (const chunk of mesh.app.invocations.stream(given, controller))
      if (textOf(chunk) === '1') break;
    await eventually(() => cancelled.includes(given.invocationId));
    expect(mesh.app.invocations.streams).toBe(0);
  });

  it('ends at its deadline, in the words of the gateway', async () => {
    await put();
    await answerWith((stream) => stream.write('1'));
    const given = call({ timeoutMs: 50 });
    const error = await failureOf(textsOf(mesh.app.invocations.stream(given, controller)));
    expect(error).toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      message: `echo of ${id} did not answer within 50 ms.`,
    });
    await eventually(() => cancelled.includes(given.invocationId));
  });

  it('ends with INTERNAL when a chunk is missing, and the plugin hears of it', async () => {
    await put();
    await answerWith((stream) => {
      stream.send('0', { 'Bkg-Seq': '0' });
      stream.send('2', { 'Bkg-Seq': '2' });
    });
    const given = call();
    const error = await failureOf(textsOf(mesh.app.invocations.stream(given, controller)));
    expect(error.code).toBe('INTERNAL');
    await eventually(() => cancelled.includes(given.invocationId));
  });

  it('is never sent again once a chunk has come, also when it is idempotent', async () => {
    const { capabilities } = entryOf(id);
    await put({ capabilities: ['echo'] });
    const entry = mesh.app.catalog.get(id)!;
    await mesh.supervisor.put({
      ...entry,
      capabilities: capabilities.map((one) => ({ ...one, idempotent: true })),
      observed_at: new Date(Date.now() + 1_000).toISOString(),
    });
    await eventually(() => mesh.app.catalog.get(id)?.capabilities[0]?.idempotent);
    await answerWith((stream) => stream.write('1'));
    const streamed = open();
    await streamed.first;
    const others: never[] = [];
    announce(mesh, id, { instance: `${id}-1`, status: 'error', ended: 'crashed', others });
    expect((await failureOf(textsOf(streamed))).code).toBe('PLUGIN_CRASHED');
    expect(streams).toHaveLength(1);
  });

  it('is sent again when its instance dies before a chunk has come, and it is idempotent', async () => {
    const entry = entryOf(id);
    await mesh.supervisor.put({
      ...entry,
      capabilities: entry.capabilities.map((one) => ({ ...one, idempotent: true })),
    });
    await eventually(() => mesh.app.catalog.get(id));
    await answerWith(async (stream) => {
      if (streams.length === 1) return;
      await stream.write('1');
      stream.end();
    });
    const streamed = open();
    await eventually(() => streams.length === 1);
    announce(mesh, id, { instance: `${id}-1`, status: 'error', ended: 'crashed', others: [] });
    expect(await textsOf(streamed)).toEqual(['1']);
    expect(streams).toHaveLength(2);
  });

  it('that nobody takes fails with what the registry says', async () => {
    await put({}, 'stopped');
    const error = await failureOf(open().first);
    expect(error).toMatchObject({ code: 'PLUGIN_UNAVAILABLE' });
    expect(error).not.toBeInstanceOf(NoRespondersError);
    expect(error.message).toContain('is stopped');
    expect(mesh.app.invocations.streams).toBe(0);
    expect(cancelled).toEqual([]);
  });

  it('is held for a plugin that owns files, until it has an instance', async () => {
    await told(mesh, id, 'starting');
    const streamed = open();
    await mesh.peer.nats.flush();
    await answerWith(async (stream) => {
      await stream.write('1');
      stream.end();
    });
    announce(mesh, id);
    expect(await textsOf(streamed)).toEqual(['1']);
  });

  it('counts against the limits', async () => {
    const limits = { ...configDefaults.limits, rate_per_second: 0.001, burst: 1 };
    await put({ config: { id, ...configDefaults, limits } });
    await answerWith((stream) => stream.end('1'));
    expect((await open().last).string()).toBe('1');
    expect((await failureOf(open().last)).code).toBe('RATE_LIMITED');
  });

  it('ends when the gateway is told to stop everything', async () => {
    await using other = await startMesh();
    await other.supervisor.put(entryOf(id));
    await serve(other.peer, id, 'echo', (msg) => void new RawStream(other.peer, id, msg).write('1'));
    const streamed = other.app.invocations.stream(call(), controller);
    await streamed.first;
    other.app.invocations.cutOff();
    expect((await failureOf(textsOf(streamed))).message).toContain('the gateway is stopping');
  });

  it('ends when the broker goes away in the middle', async () => {
    await using other = await startMesh();
    await other.supervisor.put(entryOf(id));
    await serve(other.peer, id, 'echo', (msg) => void new RawStream(other.peer, id, msg).write('1'));
    const streamed = other.app.invocations.stream(call(), controller);
    await streamed.first;
    await other.nats.stop();
    expect((await failureOf(textsOf(streamed))).code).toBe('PLUGIN_CRASHED');
  });
});
