import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Problem } from '@bkg/sdk';
import { eventually, silentLogger } from '@bkg/sdk/testing';
import { HttpPeer } from './http-peer.ts';
import { startMesh } from './mesh.ts';
import type { TestMesh } from './mesh.ts';
import { startReel } from './reels.ts';
import type { Reel } from './reels.ts';

let mesh: TestMesh;
let reel: Reel;
let warned: unknown[] = [];
const peers: HttpPeer[] = [];

beforeAll(async () => {
  const log = { ...silentLogger, warn: (...words: unknown[]) => void warned.push(words) };
  mesh = await startMesh({ log: Object.assign(Object.create(silentLogger) as typeof silentLogger, log) });
  reel = await startReel(mesh, 'reel');
});
beforeEach(() => {
  warned = [];
  Object.assign(reel.seen, { read: 0, yielded: 0 });
  reel.seen.ended.length = 0;
});
afterEach(() => {
  for (const peer of peers.splice(0)) peer.leave();
});
afterAll(async () => {
  await reel.instance.drain();
  await mesh[Symbol.asyncDispose]();
});

function download(body: unknown, headers: Record<string, string> = {}, capability = 'file'): HttpPeer {
  const peer = new HttpPeer(`${mesh.url}/api/plugins/reel/invoke/${capability}`, {
    headers: { 'content-type': 'application/json', ...headers },
  });
  peers.push(peer);
  peer.request.end(JSON.stringify(body));
  return peer;
}

describe('a download', () => {
  it('is the bytes of the chunks, with the content type of the first', async () => {
    const peer = download({ pieces: 3, bytes: 2, type: 'image/gif' });
    await peer.ended();
    expect(peer.status).toBe(200);
    expect(peer.response?.headers['content-type']).toBe('image/gif');
    expect([...Buffer.concat(peer.chunks)]).toEqual([0, 0, 1, 1, 2, 2]);
    expect(peer.isCut).toBe(false);
  });

  it('is octets when its plugin does not say what it is', async () => {
    const peer = download({ pieces: 1, bytes: 1 });
    await peer.ended();
    expect(peer.response?.headers['content-type']).toBe('application/octet-stream');
  });

  it('cannot act as a page of the gateway', async () => {
    const peer = download({ pieces: 1, bytes: 1, type: 'image/svg+xml' });
    const { headers } = await peer.answered();
    expect(headers).toMatchObject({
      'content-type': 'image/svg+xml',
      'x-content-type-options': 'nosniff',
      'cross-origin-resource-policy': 'same-origin',
      'cache-control': 'no-store',
    });
    expect(headers['content-security-policy']).toBe("default-src 'none'; frame-ancestors 'none'; sandbox");
  });

  it('may be empty', async () => {
    const peer = download({ pieces: 0, bytes: 1 });
    await peer.ended();
    expect([peer.status, peer.bytes, peer.hasEnded]).toEqual([200, 0, true]);
  });

  it('is bytes also to who would have events', async () => {
    const peer = download({ pieces: 1, bytes: 3, type: 'text/plain' }, { accept: 'text/event-stream' });
    await peer.ended();
    expect([peer.response?.headers['content-type'], peer.bytes]).toEqual(['text/plain', 3]);
  });

  it('is a problem with its status when it fails before the first chunk', async () => {
    const peer = download({ pieces: 3, bytes: 10, failAt: 0 });
    await peer.ended();
    expect([peer.status, (JSON.parse(peer.text) as Problem).code]).toEqual([500, 'INTERNAL']);
    const refused = download({ pieces: 'three', bytes: 10 });
    await refused.ended();
    expect([refused.status, (JSON.parse(refused.text) as Problem).code]).toEqual([400, 'INVALID_PAYLOAD']);
  });

  it('is cut when it fails in the middle, so that nobody takes it for whole, and the log says so', async () => {
    const peer = download({ pieces: 3, bytes: 1_000, failAt: 2 });
    await peer.ended();
    expect([peer.status, peer.isCut, peer.hasEnded]).toEqual([200, true, false]);
    await eventually(() => warned.length > 0);
    expect(warned).toEqual([
      [
        expect.objectContaining({ plugin: 'reel', capability: 'file', why: 'INTERNAL' }),
        'an answer was cut off in its middle',
      ],
    ]);
  });

  it('is cut when its time is over', async () => {
    const peer = download({ pieces: 100_000, bytes: 100_000 }, { 'bkg-timeout-ms': '400' });
    (await peer.answered()).pause();
    await eventually(() => reel.seen.ended.length > 0);
    peer.response?.resume();
    await peer.ended();
    expect(peer.isCut).toBe(true);
    expect(reel.seen.ended[0]).toBe('DEADLINE_EXCEEDED');
  });

  it('ends the work for it when the client leaves, and nothing is said about it', async () => {
    const peer = download({ pieces: 100_000, bytes: 100_000 });
    await eventually(() => peer.bytes > 0);
    peer.leave();
    await eventually(() => reel.seen.ended.length > 0);
    expect(reel.seen.ended).toEqual(['CANCELLED']);
    await eventually(() => mesh.app.invocations.streams === 0);
    expect(warned).toEqual([]);
  });

  it('goes no faster than its client reads, and none of it is lost', async () => {
    const pieces = 600;
    const size = 256 * 1024;
    const peer = download({ pieces, bytes: size });
    (await peer.answered()).pause();
    let before = -1;
    await eventually(
      async () => {
        const isStill = reel.seen.yielded === before;
        before = reel.seen.yielded;
        await new Promise((resolve) => setTimeout(resolve, 300));
        return isStill;
      },
      { withinMs: 20_000 },
    );
    expect(before).toBeLessThan(pieces / 2);
    peer.response?.resume();
    await peer.ended();
    expect(peer.bytes).toBe(pieces * size);
  });
});

describe('bytes in one message', () => {
  it('go in and out with their content type', async () => {
    const peer = new HttpPeer(`${mesh.url}/api/plugins/reel/invoke/picture`, {
      headers: { 'content-type': 'image/png' },
    });
    peers.push(peer);
    peer.request.end(Buffer.from([1, 2, 3]));
    await peer.ended();
    expect([peer.response?.headers['content-type'], [...Buffer.concat(peer.chunks)]]).toEqual([
      'image/png',
      [1, 2, 3],
    ]);
  });

  it('are refused with another content type than the capability takes, and with none', async () => {
    const refused = download({}, { 'content-type': 'text/plain' }, 'picture');
    await refused.ended();
    const problem = JSON.parse(refused.text) as Problem;
    expect([problem.code, problem.detail.includes('image/*')]).toEqual(['INVALID_PAYLOAD', true]);
    const json = download({}, {}, 'picture');
    await json.ended();
    expect((JSON.parse(json.text) as Problem).code).toBe('INVALID_PAYLOAD');
  });
});
