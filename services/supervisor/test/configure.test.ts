import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buckets, configDefaults, subjects } from '@bkg/sdk';
import type { PluginConfig } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import { Kvm } from '@nats-io/kv';
import type { KV } from '@nats-io/kv';
import { Configuring } from '../src/config/configure.ts';
import { Plugins } from '../src/plugins.ts';
import { manifest, Mesh, problemOf } from './mesh.ts';

const settingsSchema = {
  type: 'object',
  properties: { depth: { type: 'integer', maximum: 5 } },
  additionalProperties: false,
};

let mesh: Mesh;
let desired: KV;

beforeAll(async () => {
  mesh = await Mesh.create([
    manifest('echo', 'echo.mjs', { env: { ECHO_SETTINGS: JSON.stringify(settingsSchema), KEEP: 'me' } }),
    manifest('auto', 'echo.mjs'),
    manifest('fresh', 'echo.mjs'),
    { ...manifest('limited', 'echo.mjs'), config: { limits: { rate_per_second: 0.001, burst: 8 } } },
  ]);
  await mesh.supervise();
  desired = await new Kvm(mesh.caller.nats).open(buckets.desired);
});
afterAll(() => mesh[Symbol.asyncDispose]());

const configure = (id: string, change: object) =>
  mesh.ask<PluginConfig>(subjects.control('configure', id), change);
const configOf = async (id: string): Promise<PluginConfig> => (await mesh.get(id)).config;
const running = async (id: string): Promise<number> =>
  (await mesh.get(id)).instances.filter(({ status }) => status === 'running').length;

describe('a configuration', () => {
  it('is the first when nobody has written one', async () => {
    await eventually(async () => (await configOf('echo')).revision === 1);
    await mesh.order('start', 'echo');
    await eventually(async () => (await desired.get('descriptor.echo'))?.operation === 'PUT');
    // What the plugin says of itself is none of it.
    expect((await configOf('echo')).revision).toBe(1);
  });

  it('is changed, and keeps by whom, when and why', async () => {
    const config = await configure('echo', { revision: 1, settings: { depth: 3 }, why: 'deeper' });
    expect(config).toMatchObject({ id: 'echo', revision: 2, settings: { depth: 3 }, env: { KEEP: 'me' } });
    expect(await configOf('echo')).toEqual(config);
    const stored = (await desired.get('config.echo'))?.json<Record<string, unknown>>();
    expect(stored).toMatchObject({
      by: 'control',
      why: 'deeper',
      at: expect.stringMatching(/^20/),
      revision: 2,
    });
  });

  it('that somebody else has changed meanwhile is not overwritten', async () => {
    expect(await problemOf(configure('echo', { revision: 1, replicas: 2 }))).toMatchObject({
      code: 'CONFLICT',
      detail: expect.stringContaining('has revision 2, not 1'),
    });
    const changes = await Promise.allSettled(
      Array.from({ length: 8 }, (_, i) => configure('echo', { revision: 2, env: { WHO: `${i}` } })),
    );
    expect(changes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect((await configOf('echo')).revision).toBe(3);
  });

  it('that would be as it is is not written', async () => {
    const before = await configOf('echo');
    expect(await configure('echo', { ...before, why: 'again' })).toEqual(before);
    expect(await configOf('echo')).toEqual(before);
  });

  it('has as many instances as it says, at once, and none when it is not enabled', async () => {
    const { revision } = await configure('echo', { revision: 3, replicas: 2 });
    await eventually(async () => (await running('echo')) === 2);
    await configure('echo', { revision, enabled: false });
    await eventually(async () => (await mesh.get('echo')).status === 'stopped');
    expect(mesh.pids('echo')).toEqual([]);
    expect(await mesh.messages('echo')).toContain('stopping: the plugin is disabled');
    await configure('echo', { revision: revision + 1, enabled: null, replicas: null });
    await eventually(async () => (await running('echo')) === 1);
  });

  it('of which an instance cannot take over everything is given to another, which takes its place', async () => {
    const { config, instances } = await mesh.get('echo');
    await configure('echo', { revision: config.revision, env: { KEEP: null, ADDED: 'yes' } });
    const after = await mesh.get('echo');
    expect(after.instances).toHaveLength(1);
    expect(after.instances).not.toEqual(instances);
    expect(after.rollout).toMatchObject({
      verb: 'configure',
      state: 'done',
      instances: [{ replaced: instances[0]!.instance }],
      invocations: { lost: 0 },
    });
    const env = await mesh.invoke<Record<string, string>>('echo', 'environment');
    expect([env['KEEP'], env['ADDED']]).toEqual([undefined, 'yes']);
  });

  it('reads back after a restart of the supervisor', async () => {
    const before = await configOf('echo');
    await mesh.stopSupervisors();
    await mesh.supervise();
    expect(await eventually(() => configOf('echo'))).toEqual(before);
    expect(await configure('echo', { revision: before.revision, settings: { depth: 1 } })).toMatchObject({
      revision: before.revision + 1,
    });
  });

  it('that says autostart counts at the next start of the mesh, while nobody has ordered anything', async () => {
    await configure('auto', { revision: 1, autostart: true });
    expect(await mesh.get('auto')).toMatchObject({ status: 'stopped', config: { autostart: true } });
    await mesh.stopSupervisors();
    await mesh.supervise();
    await eventually(async () => (await running('auto')) === 1);
    await mesh.order('stop', 'auto');
    await mesh.stopSupervisors();
    await mesh.supervise();
    expect(await mesh.get('auto')).toMatchObject({ status: 'stopped', config: { autostart: true } });
  });

  it('follows plugin.json until somebody changes it', async () => {
    mesh.write({ ...manifest('fresh', 'echo.mjs', { env: { NEW: '1' } }) });
    await eventually(async () => (await configOf('fresh')).env['NEW'] === '1');
    const { revision } = await configOf('fresh');
    expect(revision).toBe(2);
    await configure('fresh', { revision, replicas: 3 });
    mesh.write({ ...manifest('fresh', 'echo.mjs', { env: { NEW: '2' } }), version: '1.0.1' });
    await eventually(async () => (await mesh.get('fresh')).version === '1.0.1');
    expect(await configOf('fresh')).toMatchObject({ env: { NEW: '1' }, replicas: 3, revision: 3 });
  });

  it('of version 0.2 is read with what it kept in it, which is not lost', async () => {
    const descriptor = {
      id: 'old',
      version: '1.0.0',
      name: 'Old one',
      description: '',
      author: '',
      capabilities: [],
    };
    const { revision: _, ...config } = await configOf('echo');
    await desired.put(
      'config.old',
      JSON.stringify({ ...config, id: 'old', revision: 0, by: 'x', descriptor }),
    );
    await desired.put(
      'run.old',
      JSON.stringify({ want: 'stopped', version: '1.0.0', by: 'control', at: '' }),
    );
    mesh.write(manifest('old', 'echo.mjs'));
    await eventually(async () => (await mesh.get('old')).name === 'Old one');
    expect(await configure('old', { revision: 1, replicas: 4 })).toMatchObject({ revision: 2, replicas: 4 });
    expect((await desired.get('descriptor.old'))?.json()).toMatchObject({ name: 'Old one' });
    expect((await desired.get('config.old'))?.json()).not.toHaveProperty('descriptor');
  });
});

describe('a change is refused', () => {
  it('for a plugin that nobody knows, or that nobody here manages', async () => {
    expect(await problemOf(configure('none', { revision: 1 }))).toMatchObject({ code: 'PLUGIN_NOT_FOUND' });
    const event = { id: 'hand', instance: 'i', status: 'running', version: '1.0.0', started_at: '' };
    mesh.caller.publish(subjects.event('hand', 'i', 'status'), JSON.stringify(event));
    await eventually(async () => (await mesh.get('hand')).id === 'hand');
    expect(await problemOf(configure('hand', { revision: 0 }))).toMatchObject({
      code: 'CONFLICT',
      detail: expect.stringContaining('not managed'),
    });
  });

  it('with the places that do not fit, those of the plugin’s own settings included', async () => {
    const { revision } = await configOf('echo');
    const wrong = await problemOf(configure('echo', { revision, replicas: 65, env: { PATH: '' }, x: 1 }));
    expect(wrong.code).toBe('INVALID_PAYLOAD');
    expect(wrong.errors?.map(({ path }) => path).toSorted()).toEqual(['', '/env/PATH', '/replicas']);
    const settings = await problemOf(configure('echo', { revision, settings: { depth: 6, y: 1 } }));
    expect(settings.errors?.map(({ path }) => path).toSorted()).toEqual(['/settings', '/settings/depth']);
    expect((await configOf('echo')).revision).toBe(revision);
  });
});

it('a change that was written is answered with what was written, whatever is not known any more by then', async () => {
  const plugins = new Plugins();
  const plugin = plugins.ensure('echo');
  plugin.sources = [{ id: 'echo', folder: '/none' }];
  const config = { id: 'echo', ...configDefaults, revision: 1, by: 'manifest', at: '', why: '' };
  const run = { want: 'stopped' as const, version: '1.0.0', by: 'manifest', at: '' };
  plugin.desired = { config: { value: config, revision: 7 }, run: { value: run, revision: 8 } };
  plugins.onChange(() => (plugin.desired = undefined));
  const configuring = new Configuring({
    plugins,
    desiredState: {
      configure: async (before, next, { by, why }) => ({
        value: { ...next, by, why, at: '', revision: before.value.revision + 1 },
        revision: 9,
      }),
    },
    rollouts: {
      begin: () => {
        throw new Error('nothing runs that could be replaced');
      },
    },
    loop: { mayRun: true, pass: () => undefined },
    lease: { isHeld: true },
    logs: { lastOutput: async () => [] },
    timings: { scanEveryMs: 50, controlWaitMs: 1_000 },
  });
  const written = await configuring.configure(
    'echo',
    { revision: 1, replicas: 5 },
    new AbortController().signal,
  );
  expect(written).toEqual({ id: 'echo', ...configDefaults, replicas: 5, revision: 2 });
  expect(plugin.desired).toBeUndefined();
});

describe('a rate limit', () => {
  it('is divided anew among the instances that run when there are more of them', async () => {
    await mesh.order('start', 'limited');
    const [first] = (await mesh.get('limited')).instances;
    const subject = subjects.invokeAt('limited', first?.instance ?? '', 'text.say');
    const { rollout: before } = await mesh.get('limited');
    await mesh.order('scale', 'limited', { replicas: 4 });
    // No rollout: the one that runs is told beside.
    expect((await mesh.get('limited')).rollout).toEqual(before);
    const { revision } = await configOf('limited');
    await eventually(async () =>
      (await mesh.messages('limited')).includes(`it has taken over configuration ${revision}`),
    );
    const asked = Array.from({ length: 8 }, () => mesh.ask(subject));
    const refused = (await Promise.allSettled(asked)).filter(({ status }) => status === 'rejected');
    expect(refused).toHaveLength(6);
    expect(refused[0]).toMatchObject({ reason: { code: 'RATE_LIMITED' } });
  });
});
