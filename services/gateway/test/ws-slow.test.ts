// For what it adds to Fastify's types.
import type {} from '@fastify/websocket';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LogRecord, PluginInfo } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import { beat, entryOf, serve, startMesh } from './mesh.ts';
import type { TestMesh } from './mesh.ts';
import { connectWs, say } from './ws-peer.ts';
import type { WsPeer } from './ws-peer.ts';

const filler = 'x'.repeat(1_000);
let mesh: TestMesh;

beforeAll(async () => {
  mesh = await startMesh();
  await mesh.supervisor.put(entryOf('one'));
  await mesh.supervisor.put(entryOf('big', 'running', { capabilities: ['fill'] }));
  await eventually(() => mesh.app.catalog.size === 2);
  const output = JSON.stringify('y'.repeat(500_000));
  await serve(mesh.peer, 'big', 'fill', (msg) => msg.respond(output));
});

afterAll(() => mesh[Symbol.asyncDispose]());

async function sayMany(count: number, from = 0): Promise<void> {
  for (let i = from; i < from + count; i += 1) {
    say(mesh, 'one', `${i}`, { filler });
    if (i % 500 === 0) await mesh.peer.nats.flush();
  }
  await mesh.peer.nats.flush();
}

/** Every record is there, or counted where it is missing. @returns how many are missing */
function accountOf(peer: WsPeer, id: string): number {
  let next = 0;
  let lost = 0;
  for (const frame of peer.frames) {
    if (!('id' in frame) || frame.id !== id) continue;
    if (frame.type === 'dropped') {
      next += frame.count ?? NaN;
      lost += frame.count ?? NaN;
    } else if (frame.type === 'data') {
      expect(Number((frame.data as LogRecord).message)).toBe(next);
      next += 1;
    }
  }
  return lost;
}

describe('a client that does not read', () => {
  it('loses the oldest records, and is told how many for each subscription, where they are missing', async () => {
    const total = 15_000;
    await using peer = await connectWs(mesh);
    await peer.ask({ op: 'subscribe', id: 'all', topic: 'logs' }, 'snapshot');
    await peer.ask({ op: 'subscribe', id: 'one', topic: 'logs', plugins: ['one'] }, 'snapshot');
    await peer.ask({ op: 'subscribe', id: 'other', topic: 'logs', plugins: ['big'] }, 'snapshot');
    peer.tcp.pause();
    await sayMany(total);
    peer.tcp.resume();
    const last = (id: string): string | undefined =>
      (peer.of('data', id).at(-1)?.data as LogRecord | undefined)?.message;
    await eventually(() => last('all') === `${total - 1}` && last('one') === `${total - 1}`);
    expect(accountOf(peer, 'all')).toBeGreaterThan(0);
    expect(accountOf(peer, 'one')).toBeGreaterThan(0);
    expect(peer.of('dropped', 'other')).toEqual([]);
    const seqs = peer.of('data', 'all').map(({ seq }) => seq);
    expect(seqs).toEqual([...seqs].sort((a, b) => a - b));
  });

  it('gets of states and telemetry the latest of each plugin, and each plugin', async () => {
    await using peer = await connectWs(mesh);
    await peer.ask({ op: 'subscribe', id: 'p', topic: 'plugins' }, 'snapshot');
    await peer.ask({ op: 'subscribe', id: 't', topic: 'telemetry' }, 'snapshot');
    await peer.ask({ op: 'subscribe', id: 'l', topic: 'logs' }, 'snapshot');
    const description = 'd'.repeat(200_000);
    peer.tcp.pause();
    // Its logs fill what the kernel and the socket take; then nothing goes out any more.
    await sayMany(10_000);
    for (let i = 0; i < 40; i += 1) {
      await mesh.supervisor.put(entryOf('one', 'running', { description: `${i} ${description}` }));
      await eventually(() => mesh.app.catalog.get('one')?.description.startsWith(`${i} `));
    }
    await mesh.supervisor.put(entryOf('big', 'stopping', { capabilities: ['fill'] }));
    await eventually(() => mesh.app.catalog.get('big')?.status === 'stopping');
    for (let i = 0; i < 20; i += 1) beat(mesh.peer, 'one', 'one-1', { request_count: i });
    await mesh.peer.nats.flush();
    peer.tcp.resume();
    const infos = (): PluginInfo[] =>
      peer.of('data', 'p').map(({ data }) => (data as unknown as { plugin: PluginInfo }).plugin);
    await eventually(() => infos().some(({ id, status }) => id === 'big' && status === 'stopping'));
    await eventually(() => infos().some(({ description: text }) => text.startsWith('39 ')));
    expect(infos().filter(({ id }) => id === 'one').length).toBeLessThan(20);
    await eventually(() =>
      peer.of('data', 't').some(({ data }) => (data as { request_count: number }).request_count === 19),
    );
    await mesh.supervisor.put(entryOf('big', 'running', { capabilities: ['fill'] }));
    await mesh.supervisor.put(entryOf('one'));
    await eventually(() => mesh.app.catalog.get('one')?.description === 'For tests.');
  });

  it('gets every result when it reads again; until then nothing more is read from it', async () => {
    const total = 1_000;
    await using peer = await connectWs(mesh);
    peer.tcp.pause();
    const before = process.memoryUsage().external;
    for (let i = 0; i < total; i += 1) {
      peer.send({ op: 'invoke', id: `${i}`, plugin: 'big', capability: 'fill' });
      if (i % 32 === 31) await mesh.peer.nats.flush();
    }
    await eventually(() => sockets(mesh).some((socket) => socket.isPaused));
    // 500 MB are asked for; what is there is the output of 64 invocations, and copies that are about to go.
    expect(process.memoryUsage().external - before).toBeLessThan(250_000_000);
    peer.tcp.resume();
    await eventually(() => peer.of('result').length + peer.of('error').length === total, {
      withinMs: 20_000,
    });
    expect(peer.of('error').filter(({ problem }) => problem.code !== 'BUSY')).toEqual([]);
    expect(new Set([...peer.of('result'), ...peer.of('error')].map(({ id }) => id)).size).toBe(total);
    await eventually(() => sockets(mesh).every((socket) => !socket.isPaused));
  });

  it('and sends garbage without end is not read any more, and loses no answer', async () => {
    const total = 20_000;
    await using peer = await connectWs(mesh);
    peer.tcp.pause();
    for (let i = 0; i < total; i += 1) peer.send({ op: 'nonsense', id: `${i}` });
    await eventually(() => sockets(mesh).some((socket) => socket.isPaused));
    peer.tcp.resume();
    await eventually(() => peer.of('error').length === total, { withinMs: 30_000 });
    expect(peer.of('error').at(-1)?.id).toBe(`${total - 1}`);
  });

  it('is dropped when it does not answer pings, also while nothing is read from it; a slow reader is not', async () => {
    await using other = await startMesh({ clients: { pingEveryMs: 1_000 } });
    await other.supervisor.put(entryOf('big', 'running', { capabilities: ['fill'] }));
    await eventually(() => other.app.catalog.get('big'));
    const output = JSON.stringify('y'.repeat(500_000));
    await serve(other.peer, 'big', 'fill', (msg) => msg.respond(output));
    await using deaf = await connectWs(other, { autoPong: false });
    expect((await deaf.closed).code).toBe(1006);
    await using stuck = await connectWs(other);
    stuck.tcp.pause();
    for (let i = 0; i < 64; i += 1)
      stuck.send({ op: 'invoke', id: `${i}`, plugin: 'big', capability: 'fill' });
    await eventually(() => sockets(other).some((socket) => socket.isPaused));
    await eventually(() => sockets(other).length === 0);
    await using slow = await connectWs(other);
    for (let i = 0; i < 64; i += 1)
      slow.send({ op: 'invoke', id: `${i}`, plugin: 'big', capability: 'fill' });
    const reading = setInterval(() => (slow.tcp.isPaused() ? slow.tcp.resume() : slow.tcp.pause()), 10);
    try {
      await eventually(() => slow.of('result').length === 64, { withinMs: 20_000 });
    } finally {
      clearInterval(reading);
    }
  });
});

/** The gateway's ends of all sockets. */
function sockets(of: TestMesh): { isPaused: boolean }[] {
  return [...of.app.websocketServer.clients];
}
