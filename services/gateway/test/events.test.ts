import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Problem } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import { eventsIn, HttpPeer } from './http-peer.ts';
import { entryOf, serve, startMesh } from './mesh.ts';
import type { TestMesh } from './mesh.ts';
import { RawStream } from './raw-stream.ts';
import { startReel } from './reels.ts';
import type { Reel } from './reels.ts';

let mesh: TestMesh;
let reel: Reel;
let plugins = 0;
const peers: HttpPeer[] = [];

beforeAll(async () => {
  mesh = await startMesh({ invoke: { keepAliveMs: 100 } });
  reel = await startReel(mesh, 'reel');
});
afterEach(() => {
  for (const peer of peers.splice(0)) peer.leave();
});
afterAll(async () => {
  await reel.instance.drain();
  await mesh[Symbol.asyncDispose]();
});

function invoke(path: string, body: unknown, headers: Record<string, string> = {}): HttpPeer {
  const peer = new HttpPeer(`${mesh.url}/api/plugins/${path}`, {
    headers: { accept: 'text/event-stream', 'content-type': 'application/json', ...headers },
  });
  peers.push(peer);
  peer.request.end(JSON.stringify(body));
  return peer;
}

async function eventsOf(path: string, body: unknown, headers?: Record<string, string>) {
  const peer = invoke(path, body, headers);
  await peer.ended();
  return eventsIn(peer.text);
}

/** A plugin without the SDK that streams what it is told to. @returns its id */
async function raw(act: (stream: RawStream) => unknown): Promise<string> {
  const id = `raw-${(plugins += 1)}`;
  await mesh.supervisor.put(entryOf(id));
  await eventually(() => mesh.app.catalog.get(id));
  await serve(mesh.peer, id, 'echo', (msg) => void act(new RawStream(mesh.peer, id, msg)));
  return id;
}

describe('an answer in events', () => {
  it('has a chunk in each, and the output in the last', async () => {
    expect(await eventsOf('reel/invoke/count', { to: 3 })).toEqual([
      { event: 'chunk', id: '0', data: '{"n":0}' },
      { event: 'chunk', id: '1', data: '{"n":1}' },
      { event: 'chunk', id: '2', data: '{"n":2}' },
      { event: 'result', data: '{"counted":3}' },
    ]);
  });

  it('says that it is one, is kept by nobody, and cannot act as a page of the gateway', async () => {
    const { headers, statusCode } = await invoke('reel/invoke/count', { to: 1 }).answered();
    expect(statusCode).toBe(200);
    expect(headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
      'bkg-invocation-id': expect.stringMatching(/^[0-9a-f]{32}$/) as unknown,
    });
    expect(headers['content-security-policy']).toContain('sandbox');
  });

  it('has the capability in its path or in its body', async () => {
    const events = await eventsOf('reel/invoke', { capability: 'count', payload: { to: 1 } });
    expect(events.map(({ event }) => event)).toEqual(['chunk', 'result']);
  });

  it('comes as it is made, and with comments while nothing is', async () => {
    const peer = invoke('reel/invoke/tick', {});
    await eventually(() => peer.text.includes('event: chunk'));
    await eventually(() => peer.text.split(':\n\n').length > 3);
    expect(peer.hasEnded).toBe(false);
  });

  it('ends the work for it when the client leaves', async () => {
    reel.seen.ended.length = 0;
    const peer = invoke('reel/invoke/tick', {});
    await eventually(() => peer.text.includes('event: chunk'));
    peer.leave();
    await eventually(() => reel.seen.ended.length > 0);
    expect(reel.seen.ended).toEqual(['CANCELLED']);
    await eventually(() => mesh.app.invocations.streams === 0);
  });

  it('is a problem with its status when it fails before the first chunk', async () => {
    const peer = invoke('reel/invoke/count', { to: 'three' });
    await peer.ended();
    expect(peer.status).toBe(400);
    expect(peer.response?.headers['content-type']).toBe('application/problem+json');
    const nobody = invoke('nobody/invoke/count', {});
    await nobody.ended();
    expect([nobody.status, (JSON.parse(nobody.text) as Problem).code]).toEqual([404, 'PLUGIN_NOT_FOUND']);
  });

  it('ends with the problem when it fails in the middle', async () => {
    const events = await eventsOf('reel/invoke/count', { to: 3, failAt: 1 });
    expect(events.map(({ event }) => event)).toEqual(['chunk', 'error']);
    expect(JSON.parse(events[1]?.data ?? '')).toMatchObject({ code: 'INTERNAL', status: 500 });
  });

  it('ends with the problem when its time is over', async () => {
    const events = await eventsOf('reel/invoke/tick', {}, { 'bkg-timeout-ms': '300' });
    expect(events.map(({ event }) => event)).toEqual(['chunk', 'error']);
    expect(JSON.parse(events[1]?.data ?? '')).toMatchObject({ code: 'DEADLINE_EXCEEDED', status: 504 });
  });

  it('has the output alone of a capability that does not stream', async () => {
    const id = `raw-${(plugins += 1)}`;
    await mesh.supervisor.put(entryOf(id));
    await serve(mesh.peer, id, 'echo', (msg) => msg.respond(msg.data));
    expect(await eventsOf(`${id}/invoke/echo`, { a: 1 })).toEqual([{ event: 'result', data: '{"a":1}' }]);
  });

  it('keeps JSON of several lines whole, and lets nobody put in events of their own', async () => {
    const text = '{\n  "a": 1,\r\n\r\n  "event: result": "data: 2"\r}';
    const id = await raw(async (stream) => {
      await stream.write(text);
      await stream.write('1\n\nevent: result\ndata: forged\n\n');
      stream.end('null');
    });
    const events = await eventsOf(`${id}/invoke/echo`, {});
    expect(events.map(({ event }) => event)).toEqual(['chunk', 'chunk', 'result']);
    expect(JSON.parse(events[0]?.data ?? '')).toEqual(JSON.parse(text));
  });

  it('ends with INVALID_OUTPUT when the output is no JSON', async () => {
    const id = await raw(async (stream) => {
      await stream.write('1');
      stream.end('hello', { 'Content-Type': 'text/plain' });
    });
    const events = await eventsOf(`${id}/invoke/echo`, {});
    expect(JSON.parse(events[1]?.data ?? '')).toMatchObject({ code: 'INVALID_OUTPUT' });
  });

  it('ends with the problem when a chunk is missing', async () => {
    const id = await raw((stream) => {
      stream.send('0', { 'Bkg-Seq': '0' });
      stream.send('2', { 'Bkg-Seq': '2' });
    });
    const events = await eventsOf(`${id}/invoke/echo`, {});
    expect(events.map(({ event }) => event)).toEqual(['chunk', 'error']);
    expect(JSON.parse(events[1]?.data ?? '')).toMatchObject({ code: 'INTERNAL' });
  });

  it('is handed over as bytes when the chunks turn out to be bytes', async () => {
    const id = await raw(async (stream) => {
      await stream.write(Buffer.from([1, 2]), { 'Content-Type': 'image/png' });
      await stream.write(Buffer.from([3]));
      stream.end('null');
    });
    const peer = invoke(`${id}/invoke/echo`, {});
    await peer.ended();
    expect([peer.response?.headers['content-type'], [...Buffer.concat(peer.chunks)]]).toEqual([
      'image/png',
      [1, 2, 3],
    ]);
  });

  it('is not asked for by who takes anything', async () => {
    const peer = invoke('reel/invoke/count', { to: 3 }, { accept: '*/*' });
    await peer.ended();
    expect([peer.response?.headers['content-type'], peer.text]).toEqual([
      'application/json',
      '{"counted":3}',
    ]);
  });

  it('slows the plugin when its client is slow, and loses nothing', async () => {
    const chunk = JSON.stringify('x'.repeat(20_000));
    const total = 2_000;
    let stream: RawStream | undefined;
    const id = await raw(async (opened) => {
      stream = opened;
      for (let i = 0; i < total; i += 1) await opened.write(chunk);
      opened.end('null');
    });
    const peer = invoke(`${id}/invoke/echo`, {});
    (await peer.answered()).pause();
    // It stands still when everything in between is full.
    let before = -1;
    await eventually(
      async () => {
        const isStill = stream !== undefined && stream.count === before && before > 0;
        before = stream?.count ?? -1;
        await new Promise((resolve) => setTimeout(resolve, 300));
        return isStill;
      },
      { withinMs: 20_000 },
    );
    expect(before).toBeLessThan(total);
    peer.response?.resume();
    await peer.ended();
    expect(eventsIn(peer.text).filter(({ event }) => event === 'chunk')).toHaveLength(total);
    expect(eventsIn(peer.text).at(-1)).toEqual({ event: 'result', data: 'null' });
  });
});
