import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Kvm } from '@nats-io/kv';
import type { KvWatchEntry } from '@nats-io/kv';
import { buckets, heartbeatMostMs, leaseKey, subjects } from '@bkg/sdk';
import type { Descriptor, Lease, RegistryEntry } from '@bkg/sdk';
import { delay } from '@bkg/sdk/host';
import { eventually } from '@bkg/sdk/testing';
import { defaultTimings } from '../src/timings.ts';
import { manifest, Mesh, problemOf } from './mesh.ts';

let mesh: Mesh;

beforeEach(async () => {
  mesh = await Mesh.create([manifest('echo', 'echo.mjs'), manifest('other', 'echo.mjs')]);
});
afterEach(() => mesh[Symbol.asyncDispose]());

const bucket = (name: string) => new Kvm(mesh.caller.nats).open(name);
const entry = async (id: string) => (await (await bucket(buckets.registry)).get(id))?.json<RegistryEntry>();

async function entryIsUpToDate(id: string): Promise<boolean> {
  const stored = await (await bucket(buckets.desired)).get(`config.${id}`);
  const { telemetry: _telemetry, ...info } = await mesh.get(id);
  expect(info.config.revision).toBe(stored?.json<{ revision: number }>().revision);
  expect(await entry(id)).toEqual({ ...info, observed_at: expect.any(String) });
  return true;
}

describe('the registry’s bucket', () => {
  it('says what the registry says', async () => {
    await mesh.supervise();
    await mesh.order('start', 'echo');
    await eventually(() => entryIsUpToDate('echo'));
    expect((await entry('echo'))?.capabilities.length).toBeGreaterThan(0);
    await mesh.order('stop', 'echo');
    await eventually(async () => (await entry('echo'))?.status === 'stopped');
  });

  it('is written on change only, and of one plugin at most once in its time', async () => {
    await mesh.supervise({ registryEveryMs: 300 });
    await eventually(() => entry('other'));
    await delay(400);
    const written: { entry: KvWatchEntry; at: number }[] = [];
    const kv = await bucket(buckets.registry);
    const watch = await kv.watch({ include: 'updates' });
    void (async () => {
      for await (const one of watch) written.push({ entry: one, at: Date.now() });
    })();
    await mesh.order('start', 'echo');
    await eventually(() => entryIsUpToDate('echo'));
    const newest = (await kv.get('echo'))?.revision;
    await eventually(() => written.at(-1)?.entry.revision === newest);
    // The first change at once: nothing of it runs yet.
    expect(written[0]!.entry.json<RegistryEntry>().status).toBe('starting');
    const count = written.length;
    expect(new Set(written.map(({ entry: { key } }) => key))).toEqual(new Set(['echo']));
    expect(count).toBeLessThan(6);
    const gaps = written.slice(1).map(({ at }, i) => at - written[i]!.at);
    expect(gaps.length).toBeGreaterThan(0);
    expect(Math.min(...gaps)).toBeGreaterThan(200);
    await delay(1_000);
    expect(written.length).toBe(count);
    watch.stop();
  });

  it('is cleared of what nobody knows any more', async () => {
    const kv = await new Kvm(mesh.caller.nats).create(buckets.registry, { storage: 'memory', history: 1 });
    await kv.put('gone', '{}');
    await mesh.supervise({ tidyFirstMs: 300 });
    await eventually(async () => (await kv.get('gone'))?.operation !== 'PUT');
    expect((await kv.get('echo'))?.operation).toBe('PUT');
  });
});

describe('a supervisor that is started again', () => {
  it('keeps the entries of plugins of which it may not have heard yet', async () => {
    const kv = await new Kvm(mesh.caller.nats).create(buckets.registry, { storage: 'memory', history: 1 });
    await kv.put('rare', '{}');
    await mesh.supervise({ heartbeatMs: 100 });
    await eventually(() => entry('echo'));
    await delay(1_000);
    expect((await kv.get('rare'))?.operation).toBe('PUT');
    // Three heartbeats that are missed, jittered by a tenth.
    expect(defaultTimings.tidyFirstMs).toBeGreaterThan(heartbeatMostMs * 1.1 * 3);
  });
});

describe('what is wanted', () => {
  it('is kept with who wanted it', async () => {
    await mesh.supervise();
    const kv = await bucket(buckets.desired);
    const run = async () => (await kv.get('run.echo'))?.json();
    expect(await run()).toMatchObject({ want: 'stopped', by: 'manifest', version: '1.0.0' });
    await mesh.order('start', 'echo');
    expect(await run()).toMatchObject({ want: 'running', by: 'control', at: expect.stringMatching(/^20/) });
    await eventually(async () => (await kv.get('descriptor.echo'))?.json<Descriptor>().capabilities[0]);
    expect((await kv.get('config.echo'))?.json()).toMatchObject({ by: 'manifest', revision: 1 });
  });

  it('is not overwritten when somebody else has changed it', async () => {
    await mesh.supervise();
    const kv = await bucket(buckets.desired);
    await kv.put('run.echo', JSON.stringify({ want: 'stopped', version: '9.9.9', by: 'hand', at: 'now' }));
    expect(await problemOf(mesh.order('start', 'echo'))).toMatchObject({
      code: 'CONFLICT',
      detail: 'run.echo was changed by somebody else meanwhile; look again and repeat.',
    });
    // It has looked again by itself.
    await eventually(
      async () => (await mesh.order('start', 'echo').catch(() => undefined))?.status === 'running',
    );
  });
});

describe('what is wanted of a plugin', () => {
  it('that cannot be understood is an error of that plugin, and of no other', async () => {
    const kv = await new Kvm(mesh.caller.nats).create(buckets.desired, { storage: 'file', history: 64 });
    await kv.put('run.echo', '{"want": "everything"}');
    await kv.put('config.other', 'nonsense');
    await mesh.supervise();
    expect(await mesh.get('echo')).toMatchObject({
      status: 'error',
      error: 'bkg_desired run.echo does not say what is wanted',
    });
    expect(await mesh.get('other')).toMatchObject({
      error: 'bkg_desired config.other holds something that is not JSON',
    });
    expect(await problemOf(mesh.order('start', 'echo'))).toMatchObject({ code: 'CONFLICT' });
    await kv.delete('run.echo');
    await eventually(async () => (await mesh.get('echo')).status === 'stopped');
    expect(await mesh.order('start', 'echo')).toMatchObject({ status: 'running' });
  });
});

describe('a broker that is killed and comes back', () => {
  it('finds plugins that have gone on, and a registry and a lease that are made anew', async () => {
    await mesh.supervise({ registryEveryMs: 100 });
    const before = await mesh.order('start', 'echo');
    await eventually(async () => (await entry('echo'))?.status === 'running');
    await mesh.server.restart();
    const startedAt = Date.now();
    await eventually(() => mesh.caller.connected);
    await eventually(async () => (await entry('echo'))?.status === 'running');
    await eventually(async () => (await entry('other'))?.status === 'stopped');
    const lease = await eventually(async () =>
      (await (await bucket(buckets.lease)).get(leaseKey))?.json<Lease>(),
    );
    expect(lease.pid).toBe(process.pid);
    await eventually(() => mesh.invoke('echo', 'text.say', { text: 'x' }));
    expect(Date.now() - startedAt).toBeLessThan(5_000);
    const after = await mesh.get('echo');
    expect(after.instances[0]?.pid).toBe(before.instances[0]?.pid);
    expect(after.status).toBe('running');
    expect(await mesh.order('start', 'other')).toMatchObject({ status: 'running' });
    expect(await mesh.order('stop', 'echo')).toMatchObject({ status: 'stopped' });
  });

  it('does not make anybody seem silent, however long it was away', async () => {
    const { supervisor } = await mesh.supervise({
      heartbeatMs: 300,
      answerMs: 200,
      fenceMs: 500,
      leaseEveryMs: 200,
    });
    const before = await mesh.order('start', 'echo');
    await mesh.server.kill();
    await delay(2_500);
    expect(supervisor.answers.get('echo')).toMatchObject({ status: 'running' });
    await mesh.server.restart();
    await eventually(() => mesh.caller.connected);
    for (let i = 0; i < 20; i += 1) {
      expect(supervisor.answers.get('echo')).toMatchObject({ status: 'running' });
      await delay(50);
    }
    expect(supervisor.answers.get('echo').instances[0]?.pid).toBe(before.instances[0]?.pid);
    expect(supervisor.answers.get('echo').instances).toHaveLength(1);
  });

  it('lets a configuration that has failed meanwhile be taken back', async () => {
    await mesh.supervise({ startTimeoutMs: 4_500 });
    const before = await mesh.order('start', 'echo');
    const env = { ECHO_START_MS: '60000' };
    await mesh.ask(subjects.control('configure', 'echo'), { revision: 1, env, wait: false });
    await eventually(async () => (await mesh.get('echo')).instances.length === 2);
    await mesh.server.kill();
    await delay(5_000);
    await mesh.server.restart();
    await eventually(() => mesh.caller.connected);
    const after = await eventually(async () => {
      const info = await mesh.get('echo');
      return info.rollout?.state === 'failed' && info;
    });
    expect(after.config).toMatchObject({ revision: 3, env: {} });
    expect(after.instances.map(({ pid }) => pid)).toEqual(before.instances.map(({ pid }) => pid));
    await eventually(() => entryIsUpToDate('echo'));
  });

  it('finds a plugin that has crashed meanwhile started again', async () => {
    const { supervisor } = await mesh.supervise({ fenceMs: 300, leaseEveryMs: 150 });
    const before = await mesh.order('start', 'echo');
    await mesh.server.kill();
    await delay(400);
    process.kill(before.instances[0]!.pid!, 'SIGKILL');
    // The fence: who cannot renew its lease does nothing.
    await delay(500);
    expect(supervisor.answers.get('echo')).toMatchObject({ status: 'error' });
    expect(mesh.pids('echo')).toEqual([]);
    await mesh.server.restart();
    await eventually(() => supervisor.answers.get('echo').status === 'running');
    expect(supervisor.answers.get('echo').instances[0]?.pid).not.toBe(before.instances[0]?.pid);
  });
});
