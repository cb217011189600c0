import { connect } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '@bkg/sdk/testing';
import { eventsIn, HttpPeer } from './http-peer.ts';
import { entryOf, serve, startMesh } from './mesh.ts';
import type { TestMesh } from './mesh.ts';
import { RawStream } from './raw-stream.ts';
import { startReel } from './reels.ts';
import type { Reel } from './reels.ts';

const mib = 1024 * 1024;
const chunksMostBytes = 8 * mib;
/** More than sockets hold of it. */
const lotsMost = 400;

let mesh: TestMesh;
let reel: Reel;
let plugins = 0;
const peers: HttpPeer[] = [];

beforeAll(async () => {
  mesh = await startMesh({ chunksMostBytes, invoke: { restMs: 300 } });
  reel = await startReel(mesh, 'reel');
});
afterEach(() => {
  for (const peer of peers.splice(0)) peer.leave();
});
afterAll(async () => {
  await reel.instance.drain();
  await mesh[Symbol.asyncDispose]();
});

/** A client that does not read before it is told to. */
async function stalled(id: string): Promise<HttpPeer> {
  const peer = new HttpPeer(`${mesh.url}/api/plugins/${id}/invoke/echo`, {
    headers: { accept: 'text/event-stream', 'content-type': 'application/json' },
  });
  peers.push(peer);
  peer.request.end('{}');
  (await peer.answered()).pause();
  return peer;
}

/** A plugin without the SDK that streams what it is told to. @returns its id */
async function raw(act: (stream: RawStream) => unknown): Promise<string> {
  const id = `raw-${(plugins += 1)}`;
  await mesh.supervisor.put(entryOf(id));
  await eventually(() => mesh.app.catalog.get(id));
  await serve(mesh.peer, id, 'echo', (msg) => void act(new RawStream(mesh.peer, id, msg)));
  return id;
}

describe('what waits in the gateway', () => {
  it('has a bound for a plugin that sends without being asked, and its stream ends', async () => {
    const chunk = JSON.stringify('x'.repeat(mib / 2));
    let most = 0;
    const id = await raw(async (stream) => {
      for (let seq = 0; seq < lotsMost && !stream.isCancelled; seq += 1) {
        stream.send(chunk, { 'Bkg-Seq': String(seq) });
        await mesh.peer.flush();
        most = Math.max(most, mesh.app.invocations.waitingBytes);
      }
    });
    const peer = await stalled(id);
    await eventually(() => mesh.app.invocations.streams === 0, { withinMs: 20_000 });
    expect(most).toBeLessThan(chunksMostBytes + 2 * mib);
    expect(mesh.app.invocations.waitingBytes).toBe(0);
    peer.response?.resume();
    await peer.ended();
    const last = eventsIn(peer.text).at(-1);
    expect([last?.event, JSON.parse(last?.data ?? '')]).toEqual([
      'error',
      expect.objectContaining({ code: 'CANCELLED' }),
    ]);
  });
});

describe('one more stream when no chunk has room any more', () => {
  it('is refused before it is sent, and the others go on', async () => {
    const chunk = JSON.stringify('x'.repeat(250_000));
    const isFull = (): boolean => mesh.app.invocations.waitingBytes > chunksMostBytes - mib / 4;
    let first: RawStream | undefined;
    const id = await raw(async (stream) => {
      first = stream;
      for (let seq = 0; seq < lotsMost && !isFull(); seq += 1) {
        stream.send(chunk, { 'Bkg-Seq': String(seq) });
        await mesh.peer.flush();
        await wait(5);
      }
    });
    const peer = await stalled(id);
    await eventually(isFull, { withinMs: 20_000 });
    let isAsked = false;
    const other = await raw(() => (isAsked = true));
    const answer = await fetch(`${mesh.url}/api/plugins/${other}/invoke/echo`, {
      method: 'POST',
      body: '{}',
      headers: { accept: 'text/event-stream', 'content-type': 'application/json' },
    });
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([429, 'BUSY']);
    expect([isAsked, first?.isCancelled, peer.isCut]).toEqual([false, false, false]);
  });
});

describe('a client that is too slow', () => {
  it('gets no result without all chunks before it: its answer is cut', async () => {
    const chunk = JSON.stringify('x'.repeat(200_000));
    let stream: RawStream | undefined;
    const id = await raw(async (opened) => {
      stream = opened;
      // As many as are taken, and the end when they wait in the gateway.
      for (let i = 0; i < lotsMost && opened.count === i; i += 1)
        await Promise.race([opened.write(chunk), wait(500)]);
      opened.end('"all of it"');
    });
    const peer = await stalled(id);
    await eventually(() => mesh.app.invocations.streams === 0, { withinMs: 20_000 });
    expect(stream?.count).toBeGreaterThan(0);
    peer.response?.resume();
    await peer.ended();
    expect(peer.hasEnded).toBe(false);
    expect(peer.text).not.toContain('event: result');
  });
});

describe('a client of HTTP/1.0', () => {
  it.each([
    ['sees that a download is not complete', 1, 'ECONNRESET'],
    ['gets one that is complete', -1, undefined],
  ])('%s', async (_, failAt, code) => {
    const socket = connect(mesh.port, '127.0.0.1');
    let failure: NodeJS.ErrnoException | undefined;
    socket.on('error', (error) => (failure = error)).resume();
    const body = JSON.stringify({ pieces: 3, bytes: 1_000, failAt });
    socket.write(
      `POST /api/plugins/reel/invoke/file HTTP/1.0\r\nHost: 127.0.0.1:${mesh.port}\r\n` +
        `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    await new Promise((resolve) => socket.once('close', resolve));
    expect(failure?.code).toBe(code);
  });
});
