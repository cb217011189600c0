import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Problem } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import { startAccessMesh } from './access-mesh.ts';
import type { AccessMesh } from './access-mesh.ts';
import { eventsIn, HttpPeer } from './http-peer.ts';
import { startReel } from './reels.ts';
import type { Reel } from './reels.ts';

let mesh: AccessMesh;
let reel: Reel;
let peer: HttpPeer;

beforeEach(async () => {
  mesh = await startAccessMesh();
  reel = await startReel(mesh, 'reel');
});
afterEach(async () => {
  peer.leave();
  await reel.instance.drain();
  await mesh[Symbol.asyncDispose]();
});

function begin(capability: string, key: string, headers: Record<string, string> = {}): HttpPeer {
  return new HttpPeer(`${mesh.url}/api/plugins/reel/invoke/${capability}`, {
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
  });
}

describe('what takes its time', () => {
  it('ends in the middle of its events when the key is revoked, and says why', async () => {
    const key = mesh.keeper.make(['invoke:reel']);
    peer = begin('tick', key, { accept: 'text/event-stream' });
    peer.request.end('{}');
    await eventually(() => peer.text.includes('event: chunk'));
    mesh.keeper.revoke(key);
    await peer.ended();
    const last = eventsIn(peer.text).at(-1);
    expect(last?.event).toBe('error');
    expect(JSON.parse(last?.data ?? '')).toMatchObject({ code: 'UNAUTHENTICATED' });
    await eventually(() => reel.seen.ended.length > 0);
  });

  it('ends in the middle of its events when the scope is taken away', async () => {
    const key = mesh.keeper.make(['invoke:reel']);
    peer = begin('tick', key, { accept: 'text/event-stream' });
    peer.request.end('{}');
    await eventually(() => peer.text.includes('event: chunk'));
    mesh.keeper.change(key, { scopes: ['invoke:two'] });
    await peer.ended();
    expect(JSON.parse(eventsIn(peer.text).at(-1)?.data ?? '')).toMatchObject({ code: 'FORBIDDEN' });
  });

  it('is cut in the middle of a download', async () => {
    const key = mesh.keeper.make(['invoke:reel']);
    peer = begin('file', key);
    peer.request.end('{"pieces":100000,"bytes":100000}');
    (await peer.answered()).pause();
    mesh.keeper.revoke(key);
    await eventually(() => reel.seen.ended.length > 0);
    peer.response?.resume();
    await peer.ended();
    expect(peer.isCut).toBe(true);
  });

  it('ends in the middle of an upload', async () => {
    const key = mesh.keeper.make(['invoke:reel']);
    peer = begin('take', key, { 'transfer-encoding': 'chunked' });
    await peer.write(Buffer.from('1'));
    await eventually(() => reel.seen.read > 0);
    mesh.keeper.revoke(key);
    await peer.ended();
    expect([peer.status, (JSON.parse(peer.text) as Problem).code]).toEqual([401, 'UNAUTHENTICATED']);
    await eventually(() => reel.seen.ended.length > 0);
  });
});
