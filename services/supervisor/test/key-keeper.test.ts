import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { accessPlugin, buckets, subjects } from '@bkg/sdk';
import type { PluginInfo } from '@bkg/sdk';
import { delay } from '@bkg/sdk/host';
import { eventually } from '@bkg/sdk/testing';
import { Kvm } from '@nats-io/kv';
import { manifest, Mesh, problemOf } from './mesh.ts';

const id = accessPlugin;
let mesh: Mesh;

beforeEach(async () => {
  mesh = await Mesh.create([manifest(id, 'echo.mjs'), manifest('echo', 'echo.mjs')]);
});
afterEach(() => mesh[Symbol.asyncDispose]());

const isRunning = () =>
  eventually(async () => {
    const info = await mesh.get(id);
    return info.status === 'running' && info;
  });
const conflict = async (order: Promise<unknown>) => {
  const { code, detail } = await problemOf(order);
  expect(code).toBe('CONFLICT');
  expect(detail).toContain('nobody would be let in who could start it again');
  expect(detail).toContain('restart');
};

/** The folder of the test is bkg's own, or nothing there could be called like that. */
const supervise = (timings: Parameters<Mesh['supervise']>[0] = {}) =>
  mesh.supervise(timings, { ownPluginFolder: mesh.plugins });

describe('the plugin that keeps the keys', () => {
  it('runs without an order, and no order ends it', async () => {
    await supervise();
    const before = await isRunning();
    await conflict(mesh.order('stop', id));
    await conflict(mesh.order('scale', id, { replicas: 0 }));
    const configure = (change: object) =>
      mesh.ask(subjects.control('configure', id), { revision: before.config.revision, ...change });
    await conflict(configure({ enabled: false }));
    await conflict(configure({ replicas: 0 }));
    const after = await mesh.get(id);
    expect(after.config).toEqual(before.config);
    expect(after.instances).toEqual(before.instances);
  });

  it('is not taken back to a revision with which it would not run', async () => {
    mesh.write({ ...manifest(id, 'echo.mjs'), config: { enabled: false } });
    await supervise();
    expect(await mesh.get(id)).toMatchObject({ status: 'stopped', config: { revision: 1, enabled: false } });
    await mesh.ask(subjects.control('configure', id), { revision: 1, enabled: true });
    await isRunning();
    await conflict(mesh.order('rollback', id, { to: 1 }));
  });

  it('is started, restarted and swapped as ever', async () => {
    mesh.writeVersion({ ...manifest(id, 'echo.mjs'), version: '1.1.0' });
    await supervise();
    const before = await isRunning();
    await mesh.order('start', id);
    const restarted = await mesh.order('restart', id);
    expect(restarted.instances).toHaveLength(1);
    expect(restarted.instances[0]?.instance).not.toBe(before.instances[0]?.instance);
    const other = before.version === '1.0.0' ? '1.1.0' : '1.0.0';
    expect((await mesh.order('swap', id, { version: other })).version).toBe(other);
  });

  it('runs although it was stopped by an older supervisor', async () => {
    const kv = await new Kvm(mesh.caller.nats).create(buckets.desired, { storage: 'file', history: 64 });
    const run = { want: 'stopped', version: '1.0.0', by: 'ana', at: '2026-11-24T08:00:00.000Z' };
    for (const plugin of [id, 'echo']) await kv.put(`run.${plugin}`, JSON.stringify(run));
    await supervise();
    await isRunning();
    expect((await mesh.get('echo')).status).toBe('stopped');
  });

  it('is started again however often it fails', async () => {
    mesh.write(manifest(id, 'echo.mjs', { env: { ECHO_EXITS: '3' } }));
    await supervise({ restartFirstMs: 5, restartMostMs: 20 });
    const failed = await eventually(
      async () => {
        const info = await mesh.get(id);
        return (info.restarts?.failures ?? 0) > 7 && info;
      },
      { withinMs: 20_000 },
    );
    expect(failed.restarts?.stays_down).toBeUndefined();
  });

  it('ends as the last when the mesh does', async () => {
    const stopping: string[] = [];
    await supervise();
    await isRunning();
    await mesh.order('start', 'echo');
    const ended = new Set<string>();
    mesh.caller.subscribe('plugin.*.events.*.status', {
      callback: (_, msg) => {
        const { id: plugin, status, ended: how } = msg.json<{ id: string; status: string; ended?: string }>();
        if (status === 'stopping') stopping.push(`${plugin} after ${[...ended].join()}`);
        if (how) ended.add(plugin);
      },
    });
    await mesh.caller.flush();
    expect(await mesh.ask(subjects.shutdown, {}, 20_000)).toEqual({ ok: true });
    expect(mesh.pids()).toEqual([]);
    await eventually(() => ended.size === 2);
    expect(stopping).toEqual(['echo after ', `${id} after echo`]);
  });

  it('is not started any more when the mesh ends, when it has crashed meanwhile', async () => {
    mesh.write(manifest('stubborn', 'service.mjs', { env: { SERVICE_IGNORES_TERM: '1' } }));
    await supervise({ graceMs: 1_500 });
    const { instances } = await isRunning();
    await eventually(() => mesh.order('start', 'stubborn'));
    const ending = mesh.ask(subjects.shutdown, {}, 20_000);
    await delay(100);
    process.kill(instances[0]!.pid!, 'SIGKILL');
    expect(await ending).toEqual({ ok: true });
    const info = await mesh.get(id);
    expect(info.instances.map(({ instance }: PluginInfo['instances'][number]) => instance)).toEqual(
      instances.map(({ instance }) => instance),
    );
    expect(mesh.pids()).toEqual([]);
  });
});
