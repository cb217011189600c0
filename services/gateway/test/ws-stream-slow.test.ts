// For what it adds to Fastify's types.
import type {} from '@fastify/websocket';
import type { Socket } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import type { LogRecord } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import { entryOf, serve, startMesh } from './mesh.ts';
import type { TestMesh } from './mesh.ts';
import { RawStream } from './raw-stream.ts';
import { connectWs, say } from './ws-peer.ts';
import type { WsPeer } from './ws-peer.ts';

const mebibyte = 1024 * 1024;
const chunksMostBytes = 8 * mebibyte;
/** What a client is handed at once, and a frame beyond. */
const socketMostBytes = 256 * 1024 + mebibyte;
let mesh: TestMesh;
let streams: RawStream[] = [];

beforeAll(async () => {
  mesh = await startMesh({ ws: { chunksMostBytes } });
  await mesh.supervisor.put(entryOf('teller', 'running', { capabilities: ['tell', 'say'] }));
  await mesh.supervisor.put(entryOf('big', 'running', { capabilities: ['fill'] }));
  await eventually(() => mesh.app.catalog.size === 2);
  await serve(
    mesh.peer,
    'teller',
    'tell',
    (msg) => void streams.push(new RawStream(mesh.peer, 'teller', msg)),
  );
  await serve(mesh.peer, 'teller', 'say', (msg) => msg.respond(msg.data));
  const output = JSON.stringify('y'.repeat(500_000));
  await serve(mesh.peer, 'big', 'fill', (msg) => msg.respond(output));
});
beforeEach(() => {
  streams = [];
});
afterAll(() => mesh[Symbol.asyncDispose]());

const call = { op: 'invoke', plugin: 'teller', capability: 'tell', stream: 1_024 };

async function begin(peer: WsPeer, id: string, given: Record<string, unknown> = {}): Promise<RawStream> {
  const before = streams.length;
  peer.send({ ...call, id, ...given });
  return eventually(() => streams[before]);
}

/** A chunk of so many bytes. */
function chunkOf(bytes: number, i = 0): string {
  const head = `{"i":${i},"filler":"`;
  return `${head}${'x'.repeat(Math.max(0, bytes - head.length - 2))}"}`;
}

/** Writes until nobody takes more, or there are enough. */
async function tell(stream: RawStream, bytes: number, count = Infinity): Promise<void> {
  for (let i = 0; i < count; i += 1) if (!(await stream.write(chunkOf(bytes, i)))) return;
}

/** The gateway's end of the latest socket. */
function serverSocket(): { socket: WebSocket; tcp: Socket } {
  const socket = [...mesh.app.websocketServer.clients].at(-1);
  if (!socket) throw new Error('no socket is open');
  return { socket, tcp: (socket as unknown as { _socket: Socket })._socket };
}

/** Chunks that have left the plugins, less what the kernel has taken for the client. */
function heldBytes(chunkBytes: number): number {
  const { socket, tcp } = serverSocket();
  const sent = streams.reduce((sum, { count }) => sum + count, 0) * chunkBytes;
  return sent - (tcp.bytesWritten - socket.bufferedAmount);
}

/** When nothing is sent any more. */
async function standstill(): Promise<void> {
  const count = (): number => streams.reduce((sum, stream) => sum + stream.count, 0);
  let before = -1;
  await eventually(async () => {
    const now = count();
    await new Promise((resolve) => setTimeout(resolve, 200));
    const isStill = now === before && now === count();
    before = now;
    return isStill;
  });
}

const indexes = (peer: WsPeer, id: string): number[] =>
  peer.of('chunk', id).map(({ chunk }) => (chunk as { i: number }).i);
const numbersTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe('a client that does not read', () => {
  it('makes 50 plugins wait: the gateway holds no more than its bound, and each stream goes on', async () => {
    const [bytes, total] = [16 * 1024, 400];
    await using peer = await connectWs(mesh);
    const all: RawStream[] = [];
    peer.tcp.pause();
    for (let i = 0; i < 50; i += 1) all.push(await begin(peer, `${i}`));
    const telling = Promise.all(all.map((stream) => tell(stream, bytes, total)));
    await standstill();
    expect(heldBytes(bytes)).toBeGreaterThan(0);
    expect(heldBytes(bytes)).toBeLessThan(chunksMostBytes + socketMostBytes);
    expect(all.every(({ count }) => count < total)).toBe(true);
    peer.tcp.resume();
    await telling;
    for (const stream of all) stream.end();
    await eventually(() => peer.of('result').length === 50, { withinMs: 60_000 });
    expect(peer.of('error')).toEqual([]);
    for (const i of all.keys()) expect(indexes(peer, `${i}`)).toEqual(numbersTo(total));
  }, 90_000);

  it('loses the stream of which the most waits, when its chunks outgrow those that it had room for', async () => {
    await using peer = await connectWs(mesh);
    const [modest, greedy] = [await begin(peer, 'modest'), await begin(peer, 'greedy')];
    await tell(modest, 1_000, 10);
    await tell(greedy, 20, 10);
    await eventually(() => greedy.credit > 300);
    peer.tcp.pause();
    const telling = tell(greedy, 64 * 1024, 1_000);
    await eventually(() => greedy.isCancelled);
    await telling;
    expect(heldBytes(0)).toBeLessThan(chunksMostBytes + socketMostBytes);
    peer.tcp.resume();
    const error = await eventually(() => peer.of('error', 'greedy')[0]);
    expect(error.problem.code).toBe('CANCELLED');
    expect(error.problem.detail).toContain(
      `More than ${chunksMostBytes} bytes of chunks wait for this client`,
    );
    await tell(modest, 1_000, 10);
    modest.end();
    await eventually(() => peer.of('result', 'modest').length === 1);
    expect(peer.of('chunk', 'modest')).toHaveLength(20);
  });
});

describe('a stream without credit', () => {
  it('holds up nothing else on its socket', async () => {
    await using peer = await connectWs(mesh);
    await peer.ask({ op: 'subscribe', id: 'p', topic: 'plugins' }, 'snapshot');
    await peer.ask({ op: 'subscribe', id: 'l', topic: 'logs' }, 'snapshot');
    const stalled = await begin(peer, 'stalled', { stream: 1 });
    void tell(stalled, 10_000);
    await eventually(() => peer.of('chunk', 'stalled').length === 1);
    const other = await begin(peer, 'other');
    await tell(other, 1_000, 500);
    other.end();
    await eventually(() => peer.of('result', 'other').length === 1);
    expect(indexes(peer, 'other')).toEqual(numbersTo(500));
    await peer.ask({ ...call, id: 'r', capability: 'say', stream: undefined }, 'result');
    say(mesh, 'teller', 'a line');
    await eventually(() => peer.of('data', 'l').length === 1);
    await mesh.supervisor.put(entryOf('big', 'running', { capabilities: ['fill'], description: 'Changed.' }));
    await eventually(() => peer.of('data', 'p').length > 0);
    expect(peer.of('chunk', 'stalled')).toHaveLength(1);
  });
});

describe('a slow client', () => {
  it('gets everything on one socket: all chunks and results, the latest states, lines or their number', async () => {
    const [chunkTotal, lineTotal, callTotal] = [1_500, 6_000, 200];
    const filler = 'l'.repeat(1_000);
    await using peer = await connectWs(mesh);
    await peer.ask({ op: 'subscribe', id: 'p', topic: 'plugins' }, 'snapshot');
    await peer.ask({ op: 'subscribe', id: 'l', topic: 'logs', plugins: ['teller'] }, 'snapshot');
    const reading = setInterval(() => (peer.tcp.isPaused() ? peer.tcp.resume() : peer.tcp.pause()), 40);
    try {
      const ids = numbersTo(6).map((i) => `s${i}`);
      const telling = ids.map(async (id, i) => {
        const before = streams.find(({ request }) => request.headers?.get('Bkg-Invocation-Id') === id);
        expect(before).toBeUndefined();
        peer.send({ ...call, id, invocation_id: id, stream: 32 });
        const stream = await eventually(() =>
          streams.find(({ request }) => request.headers?.get('Bkg-Invocation-Id') === id),
        );
        await tell(stream, i % 2 === 0 ? 200 : 4_000, chunkTotal);
        stream.end();
      });
      const crediting = (async () => {
        const given = new Map<string, number>();
        for (;;) {
          for (const id of ids) {
            const [count, before] = [peer.of('chunk', id).length, given.get(id) ?? 0];
            if (count - before >= 16) peer.send({ op: 'credit', id, credit: count - before });
            if (count - before >= 16) given.set(id, count);
          }
          if (ids.every((id) => peer.of('result', id).length === 1)) return;
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      })();
      const logging = (async () => {
        for (let i = 0; i < lineTotal; i += 1) {
          say(mesh, 'teller', `${i}`, { filler });
          if (i % 200 === 199) await mesh.peer.nats.flush();
        }
      })();
      const changing = (async () => {
        for (let i = 0; i < 30; i += 1) {
          const description = `${i} ${'d'.repeat(20_000)}`;
          await mesh.supervisor.put(entryOf('big', 'running', { capabilities: ['fill'], description }));
        }
      })();
      const calling = (async () => {
        for (let i = 0; i < callTotal; i += 1) {
          await peer.ask(
            { ...call, id: `r${i}`, capability: 'say', payload: i, stream: undefined },
            'result',
          );
        }
      })();
      await Promise.all([...telling, crediting, logging, changing, calling]);
    } finally {
      clearInterval(reading);
      peer.tcp.resume();
    }
    const lines = () => peer.of('data', 'l').map(({ data }) => Number((data as LogRecord).message));
    await eventually(() => lines().at(-1) === lineTotal - 1, { withinMs: 30_000 });
    const dropped = peer.of('dropped', 'l').reduce((sum, { count }) => sum + (count ?? NaN), 0);
    expect(lines().length + dropped).toBe(lineTotal);
    for (const i of numbersTo(6)) expect(indexes(peer, `s${i}`)).toEqual(numbersTo(chunkTotal));
    expect(peer.of('result').length).toBe(6 + callTotal);
    expect(peer.of('error')).toEqual([]);
    await eventually(() => peer.texts.some((text) => text.includes('"description":"29 ')));
  }, 90_000);
});
