import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '@bkg/sdk/testing';
import { entryOf, serve, startMesh } from './mesh.ts';
import type { TestMesh } from './mesh.ts';
import { startReel } from './reels.ts';
import type { Reel } from './reels.ts';

let mesh: TestMesh;
let reel: Reel;
const sockets: Socket[] = [];

beforeAll(async () => {
  mesh = await startMesh({ slowClients: { takeMs: 400, bytesPerMs: 10_000 } });
  reel = await startReel(mesh, 'reel');
  await mesh.supervisor.put(entryOf('big', 'running', { capabilities: ['fill'] }));
  const output = JSON.stringify('y'.repeat(900_000));
  await serve(mesh.peer, 'big', 'fill', (msg) => msg.respond(output));
  await eventually(() => mesh.app.catalog.get('big'));
});
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});
afterAll(async () => {
  await reel.instance.drain();
  await mesh[Symbol.asyncDispose]();
});

/** A client that closes nothing by itself. */
function open(): Socket {
  const socket = connect({ port: mesh.port, host: '127.0.0.1', allowHalfOpen: true });
  socket.on('error', () => undefined);
  sockets.push(socket);
  return socket;
}

const post = (path: string, headers = ''): string =>
  `POST /api/plugins/${path} HTTP/1.1\r\nHost: 127.0.0.1:${mesh.port}\r\n` +
  `Content-Type: application/json\r\nContent-Length: 2\r\n${headers}\r\n{}`;

const connections = (): Promise<number> =>
  new Promise((resolve, reject) =>
    mesh.app.server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
  );

describe('a connection that its client never closes', () => {
  it('is ended when it was refused', async () => {
    const socket = open();
    let text = '';
    socket.on('data', (data: Buffer) => (text += data.toString()));
    socket.write('this is no request\r\n\r\n');
    await eventually(() => text.includes('400 Bad Request'));
    await eventually(async () => (await connections()) === 0, { withinMs: 5_000 });
  });

  it('is ended when its client takes no answer', async () => {
    const socket = open().pause();
    // More than sockets hold.
    for (let i = 0; i < 40; i += 1) socket.write(post('big/invoke/fill'));
    await eventually(async () => (await connections()) === 1);
    await eventually(async () => (await connections()) === 0, { withinMs: 10_000 });
  });

  it('keeps nothing when it was closed before its answer', async () => {
    for (let i = 0; i < 20; i += 1) {
      const socket = open();
      socket.write(post('reel/invoke/tick'));
      await eventually(() => reel.instance.telemetry().in_flight === 1);
      socket.destroy();
      await eventually(() => reel.instance.telemetry().in_flight === 0);
    }
    await eventually(() => mesh.app.answersUnderWay() === 0);
  });

  it('is not answered in the middle of an answer', async () => {
    const socket = open();
    let text = '';
    socket.on('data', (data: Buffer) => (text += data.toString()));
    socket.write(post('reel/invoke/tick', 'Accept: text/event-stream\r\n'));
    await eventually(() => text.includes('event: chunk'));
    socket.write('this is no request\r\n\r\n');
    await eventually(async () => (await connections()) === 0, { withinMs: 5_000 });
    expect(text).not.toContain('400');
  });
});
