import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Problem } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import { entryOf, serve, startMesh } from './mesh.ts';
import type { TestMesh } from './mesh.ts';
import { startReel } from './reels.ts';
import type { Reel } from './reels.ts';
import { told } from './single-writer.ts';

let mesh: TestMesh;
let reel: Reel;

beforeAll(async () => {
  mesh = await startMesh();
  reel = await startReel(mesh, 'reel');
});
afterAll(async () => {
  await reel.instance.drain();
  await mesh[Symbol.asyncDispose]();
});

function cancel(path: string): Promise<Response> {
  return fetch(`${mesh.url}/api/plugins/${path}`, { method: 'DELETE' });
}

function invoke(path: string, invocationId: string, accept = '*/*'): Promise<Response> {
  return fetch(`${mesh.url}/api/plugins/${path}`, {
    method: 'POST',
    body: '{}',
    headers: { 'content-type': 'application/json', 'bkg-invocation-id': invocationId, accept },
  });
}

describe('DELETE of an invocation', () => {
  it('ends it: whoever has sent it hears CANCELLED, and the handler, too', async () => {
    reel.seen.ended.length = 0;
    const invoked = invoke('reel/invoke/tick', 'one');
    await eventually(() => reel.instance.telemetry().in_flight === 1);
    const { status, headers } = await cancel('reel/invocations/one');
    expect([status, headers.get('content-type')]).toEqual([204, null]);
    const answer = await invoked;
    expect([answer.status, ((await answer.json()) as Problem).code]).toEqual([499, 'CANCELLED']);
    await eventually(() => reel.seen.ended.length > 0);
    expect(reel.seen.ended).toEqual(['CANCELLED']);
  });

  it('ends a stream in its middle', async () => {
    const answer = await invoke('reel/invoke/tick', 'two', 'text/event-stream');
    expect((await cancel('reel/invocations/two')).status).toBe(204);
    const text = await answer.text();
    expect(text).toContain('event: error');
    expect(text).toContain('"code":"CANCELLED"');
  });

  it('ends one that is held, which no instance has', async () => {
    await told(mesh, 'held', 'starting');
    const invoked = invoke('held/invoke/echo', 'three');
    const cancelled = await eventually(async () => {
      await cancel('held/invocations/three');
      return await Promise.race([
        invoked,
        new Promise<undefined>((resolve) => setTimeout(resolve, 100, undefined)),
      ]);
    });
    expect(((await cancelled.json()) as Problem).code).toBe('CANCELLED');
  });

  it('of one that nobody has is no error', async () => {
    expect((await cancel('reel/invocations/nobody')).status).toBe(204);
  });

  it('refuses what cannot be an id, and plugins that cannot be', async () => {
    const wrong = await cancel('reel/invocations/a.b');
    expect([wrong.status, ((await wrong.json()) as Problem).detail]).toEqual([
      400,
      expect.stringContaining('"a.b"') as unknown,
    ]);
    expect((await cancel('A.B/invocations/one')).status).toBe(404);
    expect((await cancel('reel/invocations/*')).status).toBe(400);
  });

  it('is told to every plugin, also without the SDK', async () => {
    await mesh.supervisor.put(entryOf('raw'));
    const heard: string[] = [];
    mesh.peer.subscribe('plugin.raw.cancel', { callback: (_error, msg) => void heard.push(msg.string()) });
    await serve(mesh.peer, 'raw', 'echo', () => undefined);
    await cancel('raw/invocations/four');
    await eventually(() => heard.length > 0);
    expect(heard).toEqual(['{"invocation_id":"four"}']);
  });
});
