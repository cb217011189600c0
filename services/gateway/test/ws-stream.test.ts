import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { headerNames } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import { entryOf, serve, startMesh } from './mesh.ts';
import type { TestMesh } from './mesh.ts';
import { RawStream } from './raw-stream.ts';
import { cancelsOf, connectWs } from './ws-peer.ts';
import type { WsPeer } from './ws-peer.ts';

let mesh: TestMesh;
let streams: RawStream[] = [];

beforeAll(async () => {
  mesh = await startMesh();
  await mesh.supervisor.put(entryOf('teller', 'running', { capabilities: ['tell', 'say', 'wait'] }));
  await eventually(() => mesh.app.catalog.get('teller'));
  await serve(
    mesh.peer,
    'teller',
    'tell',
    (msg) => void streams.push(new RawStream(mesh.peer, 'teller', msg)),
  );
  await serve(mesh.peer, 'teller', 'say', (msg) => msg.respond(msg.data));
  await serve(mesh.peer, 'teller', 'wait', () => undefined);
});
beforeEach(() => {
  streams = [];
});
afterAll(() => mesh[Symbol.asyncDispose]());

const call = { op: 'invoke', id: 'c', plugin: 'teller', capability: 'tell', stream: 8 };

/** The plugin's end of the stream that the client has asked for. */
async function begin(peer: WsPeer, given: Record<string, unknown> = {}): Promise<RawStream> {
  const before = streams.length;
  peer.send({ ...call, ...given });
  return eventually(() => streams[before]);
}

/** Writes chunks 0, 1, … as long as somebody takes them. */
async function tell(stream: RawStream, count = Infinity, filler = ''): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    if (!(await stream.write(JSON.stringify(filler === '' ? i : { i, filler })))) return;
  }
}

const chunksOf = (peer: WsPeer, id = 'c'): unknown[] => peer.of('chunk', id).map(({ chunk }) => chunk);
const numbersTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe('a stream over /ws', () => {
  it('comes as numbered chunks, byte by byte, and ends with the result', async () => {
    await using peer = await connectWs(mesh);
    const stream = await begin(peer, { invocation_id: 'mine', payload: { a: 1.0 } });
    const chunks = ['{ "n": 12345678901234567890.10 }', '[1e400]', 'null', '"ä"'];
    for (const chunk of chunks) await stream.write(chunk);
    stream.end('{"count": 4.0}');
    await eventually(() => peer.of('result').length === 1);
    const head = '"id":"c","invocation_id":"mine"';
    expect(peer.texts.slice(1)).toEqual([
      ...chunks.map((chunk, seq) => `{"type":"chunk",${head},"seq":${seq},"chunk":${chunk}}`),
      `{"type":"result",${head},"output":{"count": 4.0}}`,
    ]);
    // Its id is free again.
    await peer.ask({ ...call, capability: 'say', stream: undefined }, 'result');
  });

  it('comes in large chunks, too', async () => {
    await using peer = await connectWs(mesh);
    const stream = await begin(peer, { stream: 2 });
    const text = 'ä'.repeat(300_000);
    for (let i = 0; i < 2; i += 1) await stream.write(JSON.stringify(text));
    stream.end();
    await eventually(() => peer.of('result').length === 1);
    expect(chunksOf(peer)).toEqual([text, text]);
  });

  it('has no chunks when the capability does not stream', async () => {
    await using peer = await connectWs(mesh);
    const result = await peer.ask({ ...call, capability: 'say', payload: [1] }, 'result');
    expect(result.output).toEqual([1]);
    expect(peer.of('chunk')).toEqual([]);
  });

  it('may fail in the middle, after its chunks', async () => {
    await using peer = await connectWs(mesh);
    const stream = await begin(peer);
    await tell(stream, 3);
    stream.fail(500, 'TELLER_LOST: It has lost the thread.');
    await eventually(() => peer.of('error').length === 1);
    expect(chunksOf(peer)).toEqual([0, 1, 2]);
    expect(peer.of('error')[0]).toMatchObject({
      id: 'c',
      invocation_id: expect.any(String),
      problem: { status: 500 },
    });
  });

  it('ends with an error when a chunk is missing, and its plugin is told to give up', async () => {
    await using peer = await connectWs(mesh);
    const cancels = await cancelsOf(mesh, 'teller');
    const stream = await begin(peer, { invocation_id: 'gap' });
    await tell(stream, 1);
    stream.send('7', { [headerNames.seq]: '7' });
    await eventually(() => peer.of('error').length === 1);
    expect(peer.of('error')[0]).toMatchObject({ id: 'c', problem: { code: 'INTERNAL' } });
    await eventually(() => stream.isCancelled || cancels.includes('gap'));
  });

  it.each([
    ['bytes', Uint8Array.of(0xff, 0xd8), { [headerNames.contentType]: 'image/jpeg' }, 'image/jpeg'],
    ['no JSON', '{"a":', {}, 'no JSON'],
  ])(
    'ends with INVALID_OUTPUT when its chunks are %s, and the error names the way out',
    async (_what, data, headers, word) => {
      await using peer = await connectWs(mesh);
      const stream = await begin(peer);
      await stream.write(data, headers);
      await eventually(() => peer.of('error').length === 1);
      const { problem, invocation_id } = peer.of('error')[0]!;
      expect(problem.code).toBe('INVALID_OUTPUT');
      expect(problem.detail).toContain(word);
      expect(problem.detail).toContain('POST /api/plugins/teller/invoke/tell');
      expect(invocation_id).toBeDefined();
      await eventually(() => stream.isCancelled);
      await peer.ask({ ...call, capability: 'say' }, 'result');
    },
  );
});

describe('credit', () => {
  it('is what is sent, and no chunk more; the plugin waits', async () => {
    await using peer = await connectWs(mesh);
    const stream = await begin(peer, { stream: 2 });
    void tell(stream, 2_000);
    await eventually(() => peer.of('chunk').length === 2);
    // The gateway reads on only when it may send on: what its window holds, of small chunks, is all that comes.
    await eventually(() => stream.credit === 0);
    expect(stream.count).toBeLessThanOrEqual(2 + 1 + 1_024);
    expect(peer.of('chunk')).toHaveLength(2);
    peer.send({ op: 'credit', id: 'c', credit: 3 });
    await eventually(() => peer.of('chunk').length === 5);
    await peer.ask({ ...call, id: 'other', capability: 'say' }, 'result');
    expect(peer.of('chunk')).toHaveLength(5);
    peer.send({ op: 'credit', id: 'c', credit: 1_024 });
    await eventually(() => peer.of('chunk').length === 1_029);
    peer.send({ op: 'credit', id: 'c', credit: 1_024 });
    await eventually(() => peer.of('chunk').length === 2_000);
    expect(chunksOf(peer)).toEqual(numbersTo(2_000));
    stream.end('"end"');
    await eventually(() => peer.of('result').length === 1);
  });

  it('of more than 1024 open counts as 1024', async () => {
    await using peer = await connectWs(mesh);
    const stream = await begin(peer, { stream: 1_024 });
    for (let i = 0; i < 3; i += 1) peer.send({ op: 'credit', id: 'c', credit: 1_024 });
    await peer.ask({ ...call, id: 'other', capability: 'say' }, 'result');
    void tell(stream, 1_100);
    await eventually(() => peer.of('chunk').length === 1_024);
    await peer.ask({ ...call, id: 'other', capability: 'say' }, 'result');
    expect(peer.of('chunk')).toHaveLength(1_024);
    expect(peer.of('error')).toEqual([]);
  });

  it('for what has ended, or never was, is no error; for an invocation with one result it is', async () => {
    await using peer = await connectWs(mesh);
    const stream = await begin(peer);
    stream.end();
    await eventually(() => peer.of('result').length === 1);
    for (const id of ['c', 'never']) peer.send({ op: 'credit', id, credit: 1 });
    peer.send({ ...call, id: 'plain', capability: 'wait', stream: undefined });
    const error = await peer.ask({ op: 'credit', id: 'plain', credit: 1 }, 'error');
    expect(error.problem).toMatchObject({ code: 'INVALID_PAYLOAD', errors: [{ path: '/id' }] });
    expect(error).not.toHaveProperty('invocation_id');
    expect(peer.of('error')).toHaveLength(1);
    // It goes on.
    const ended = await peer.ask({ op: 'cancel', id: 'plain' }, 'error');
    expect(ended.problem.code).toBe('CANCELLED');
  });
});

describe('a stream whose plugin has done its part, while chunks wait for credit,', () => {
  /** @returns when the gateway has its last frame */
  async function beginAndEnd(
    peer: WsPeer,
    given: Record<string, unknown>,
    end: (stream: RawStream) => void,
  ): Promise<void> {
    const stream = await begin(peer, given);
    await tell(stream, 1);
    await eventually(() => stream.credit > 0);
    await tell(stream, 1);
    end(stream);
    // On the connection of the same peer: it comes after the end.
    await peer.ask({ ...call, id: 'after', capability: 'say', stream: undefined }, 'result');
    expect(peer.of('chunk')).toHaveLength(1);
  }

  it('has its result when they are taken', async () => {
    await using peer = await connectWs(mesh);
    await beginAndEnd(peer, { stream: 1 }, (stream) => stream.end('"end"'));
    expect(peer.of('result', 'c')).toEqual([]);
    peer.send({ op: 'credit', id: 'c', credit: 1 });
    await eventually(() => peer.of('result', 'c').length === 1);
    expect(peer.of('chunk')).toHaveLength(2);
  });

  it('can be cancelled', async () => {
    await using peer = await connectWs(mesh);
    await beginAndEnd(peer, { stream: 1 }, (stream) => stream.end());
    const error = await peer.ask({ op: 'cancel', id: 'c' }, 'error');
    expect(error).toMatchObject({ id: 'c', problem: { code: 'CANCELLED' } });
    expect(error).toHaveProperty('invocation_id');
  });

  it('ends with its deadline', async () => {
    await using peer = await connectWs(mesh);
    await beginAndEnd(peer, { stream: 1, timeout_ms: 2_000 }, (stream) => stream.end());
    const error = await eventually(() => peer.of('error')[0]);
    expect(error).toMatchObject({ id: 'c', problem: { code: 'DEADLINE_EXCEEDED' } });
    expect(peer.of('chunk')).toHaveLength(1);
  });

  it('tells of its failure at once', async () => {
    await using peer = await connectWs(mesh);
    await beginAndEnd(peer, { stream: 1 }, (stream) => stream.fail(500, 'TELLER_LOST: Lost.'));
    const error = await eventually(() => peer.of('error')[0]);
    expect(error).toMatchObject({ id: 'c', problem: { status: 500 } });
    expect(peer.of('chunk')).toHaveLength(1);
  });
});

describe('a stream ends at once', () => {
  it('when its client cancels it, with or without credit', async () => {
    await using peer = await connectWs(mesh);
    const cancels = await cancelsOf(mesh, 'teller');
    for (const window of [1, 1_024]) {
      const id = `given-up-${window}`;
      const stream = await begin(peer, { id, stream: window, invocation_id: id });
      void tell(stream);
      await eventually(() => peer.of('chunk', id).length > 0);
      const error = await peer.ask({ op: 'cancel', id }, 'error');
      expect(error.problem.code).toBe('CANCELLED');
      expect(peer.frames.at(-1)).toBe(error);
      await eventually(() => stream.isCancelled && cancels.includes(id));
    }
    await peer.ask({ ...call, id: 'other', capability: 'say' }, 'result');
    expect(peer.frames.at(-1)?.type).toBe('result');
  });

  it('when its time is over, though the client holds back credit', async () => {
    await using peer = await connectWs(mesh);
    const stream = await begin(peer, { stream: 1, timeout_ms: 100, invocation_id: 'late' });
    void tell(stream);
    const error = await eventually(() => peer.of('error')[0]);
    expect(error.problem.code).toBe('DEADLINE_EXCEEDED');
    await eventually(() => stream.isCancelled);
  });

  it('when its socket closes', async () => {
    const peer = await connectWs(mesh);
    const cancels = await cancelsOf(mesh, 'teller');
    const all = [
      await begin(peer, { id: 'a', stream: 1, invocation_id: 'left-a' }),
      await begin(peer, { id: 'b', stream: 1_024, invocation_id: 'left-b' }),
    ];
    for (const stream of all) void tell(stream);
    await eventually(() => peer.of('chunk', 'a').length === 1 && peer.of('chunk', 'b').length > 0);
    await peer[Symbol.asyncDispose]();
    await eventually(() => all.every(({ isCancelled }) => isCancelled));
    await eventually(() => cancels.includes('left-a') && cancels.includes('left-b'));
    await eventually(() => mesh.app.invocations.streams === 0);
  });

  it('when the gateway stops, after those that end by themselves', async () => {
    await using other = await startMesh();
    await other.supervisor.put(entryOf('teller', 'running', { capabilities: ['tell'] }));
    await eventually(() => other.app.catalog.get('teller'));
    const told: RawStream[] = [];
    await serve(
      other.peer,
      'teller',
      'tell',
      (msg) => void told.push(new RawStream(other.peer, 'teller', msg)),
    );
    await using peer = await connectWs(other);
    peer.send({ ...call, stream: 1_024 });
    const stream = await eventually(() => told[0]);
    await tell(stream, 10);
    await eventually(() => peer.of('chunk').length === 10);
    const closing = other.app.close();
    await eventually(
      async () => (await peer.ask({ ...call, id: 'new' }, 'error')).problem.code === 'PLUGIN_UNAVAILABLE',
    );
    await tell(stream, 10);
    stream.end('"end"');
    expect((await peer.closed).code).toBe(1001);
    await closing;
    expect(peer.of('chunk')).toHaveLength(20);
    expect(peer.of('result')).toMatchObject([{ output: 'end' }]);
  });
});
