import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { subjects } from '@bkg/sdk';
import type { StatusEvent } from '@bkg/sdk';
import { delay } from '@bkg/sdk/host';
import { eventually } from '@bkg/sdk/testing';
import { manifest, Mesh } from './mesh.ts';

const uselessLeastMs = 1_500;
const resources = { timeout_secs: 1 };
let mesh: Mesh;
const heartbeats: string[] = [];

beforeAll(async () => {
  mesh = await Mesh.create([
    manifest('echo', 'echo.mjs', { config: { resources } }),
    manifest('other', 'echo.mjs'),
  ]);
  mesh.caller.subscribe(subjects.events('telemetry'), {
    callback: (_, { subject }) => void heartbeats.push(subject),
  });
  // As in a mesh so large that its instances beat once in a minute.
  await mesh.supervise({ heartbeatMs: 60_000, quietMs: 400, quietAnswerMs: 400, uselessLeastMs });
  await Promise.all(['echo', 'other'].map((id) => mesh.order('start', id)));
});
afterAll(() => mesh[Symbol.asyncDispose]());

describe('an instance that hardly ever beats', () => {
  it('is asked, and shown as it is: it runs as long as it answers, and is in error soon after it does not', async () => {
    const { instances } = await mesh.get('other');
    const { pid = 0 } = instances[0]!;
    const before = heartbeats.length;
    const seen = new Set<string>();
    for (let look = 0; look < 15; look++) {
      seen.add((await mesh.get('other')).status);
      await delay(100);
    }
    expect([...seen]).toEqual(['running']);
    // Nothing else was heard of it.
    expect(heartbeats.length - before).toBeLessThan(2);
    process.kill(pid, 'SIGSTOP');
    const info = await eventually(async () => {
      const one = await mesh.get('other');
      return one.status === 'error' && one;
    });
    expect(info.error).toMatch(/^no heartbeat since 20/);
    process.kill(pid, 'SIGCONT');
    await eventually(async () => (await mesh.get('other')).status === 'running');
    expect((await mesh.get('other')).instances[0]?.pid).toBe(pid);
  });
});

describe('an instance that somebody else says has failed', () => {
  it('is asked itself, and is not killed for it', async () => {
    const { instances, version } = await mesh.get('echo');
    const { instance, pid = 0 } = instances[0]!;
    const event: StatusEvent = {
      id: 'echo',
      instance,
      status: 'error',
      version,
      started_at: new Date().toISOString(),
      host: 'nowhere',
      error: 'it is no good',
    };
    const seen = new Set<string>();
    for (const until = performance.now() + 2 * uselessLeastMs; performance.now() < until; await delay(50)) {
      mesh.caller.publish(subjects.event('echo', instance, 'status'), JSON.stringify(event));
      seen.add((await mesh.get('echo')).status);
    }
    expect(seen).toContain('error');
    const info = await eventually(async () => {
      const one = await mesh.get('echo');
      return one.status === 'running' && one;
    });
    expect(info.instances[0]?.pid).toBe(pid);
    expect(info.ends).toBeUndefined();
  });
});
