import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { subjects } from '@bkg/sdk';
import type { PluginInfo } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import { isAlive, manifest, Mesh, problemOf } from './mesh.ts';

let mesh: Mesh;

beforeAll(async () => {
  mesh = await Mesh.create([
    manifest('echo', 'echo.mjs', { name: 'From the folder', description: 'not started yet' }),
    manifest('slow', 'echo.mjs', { env: { ECHO_START_MS: '1500' } }),
    { ...manifest('twice', 'echo.mjs'), config: { replicas: 2 } },
    { ...manifest('disabled', 'echo.mjs'), config: { enabled: false } },
    { ...manifest('nobody', 'echo.mjs'), config: { replicas: 0 } },
  ]);
  mesh.writeText('broken', '{"id": "broken", "version": "1.0.0", "command": []}');
  await mesh.supervise({ controlWaitMs: 8_000 });
});
afterAll(() => mesh[Symbol.asyncDispose]());

const instanceOf = (info: PluginInfo): string => {
  expect(info.instances).toHaveLength(1);
  return info.instances[0]!.instance;
};

describe('an order', () => {
  it('to start is answered when the plugin takes invocations', async () => {
    expect(await mesh.get('echo')).toMatchObject({
      status: 'stopped',
      name: 'From the folder',
      instances: [],
    });
    const info = await mesh.order('start', 'echo');
    expect(info).toMatchObject({ status: 'running', version: '1.0.0', telemetry: { plugin_id: 'echo' } });
    expect(info.instances).toMatchObject([{ managed: true, status: 'running', version: '1.0.0' }]);
    expect(isAlive(info.instances[0]!.pid!)).toBe(true);
    expect(await mesh.invoke('echo', 'text.say', { text: 'hi' })).toEqual({ text: 'hi' });
  });

  it('to start what runs changes nothing', async () => {
    const before = await mesh.order('start', 'echo');
    expect(instanceOf(await mesh.order('start', 'echo'))).toBe(instanceOf(before));
  });

  it('to restart lets a new process in, and ends the old one', async () => {
    const before = await mesh.order('start', 'echo');
    const after = await mesh.order('restart', 'echo');
    expect(after.status).toBe('running');
    expect(instanceOf(after)).not.toBe(instanceOf(before));
    expect(isAlive(before.instances[0]!.pid!)).toBe(false);
    expect(mesh.pids('echo')).toHaveLength(1);
  });

  it('to stop is answered when the process is gone, and then changes nothing', async () => {
    const before = await mesh.order('start', 'echo');
    const stopped = await mesh.order('stop', 'echo');
    expect(stopped).toMatchObject({ status: 'stopped', instances: [] });
    expect(stopped).not.toHaveProperty('error');
    expect(isAlive(before.instances[0]!.pid!)).toBe(false);
    expect(await mesh.order('stop', 'echo')).toMatchObject({ status: 'stopped' });
  });

  it('to stop leaves what the plugin can do to be seen', async () => {
    await mesh.order('start', 'echo');
    await eventually(async () => (await mesh.get('echo')).capabilities.length > 0);
    const { name, description, author, capabilities } = await mesh.order('stop', 'echo');
    expect({ name, description, author }).toEqual({
      name: 'Echo',
      description: 'Says it again.',
      author: 'tests',
    });
    expect(capabilities.map(({ id }) => id)).toContain('text.say');
  });

  it('to restart what is stopped starts it', async () => {
    expect(await mesh.order('restart', 'echo')).toMatchObject({ status: 'running' });
    await mesh.order('stop', 'echo');
  });

  it('need not be waited for', async () => {
    expect(await mesh.order('start', 'slow', { wait: false })).toMatchObject({ status: 'starting' });
    const stopping = await mesh.order('stop', 'slow', { wait: false });
    expect(['stopping', 'stopped']).toContain(stopping.status);
    await eventually(async () => (await mesh.get('slow')).status === 'stopped');
  });

  it('covers all instances that are configured', async () => {
    const running = await mesh.order('start', 'twice');
    expect(running.instances.map(({ status }) => status)).toEqual(['running', 'running']);
    const after = await mesh.order('restart', 'twice');
    const before = running.instances.map(({ instance }) => instance);
    expect(after.instances.filter(({ instance }) => before.includes(instance))).toEqual([]);
    expect(after.instances.map(({ status }) => status)).toEqual(['running', 'running']);
    expect(await mesh.order('stop', 'twice')).toMatchObject({ status: 'stopped', instances: [] });
    expect(mesh.pids('twice')).toEqual([]);
  });
});

describe('of two orders', () => {
  it('that contradict each other the later wins, and the earlier is told so', async () => {
    const starting = problemOf(mesh.order('start', 'slow'));
    await eventually(async () => (await mesh.get('slow')).status === 'starting');
    const stopping = mesh.order('stop', 'slow');
    expect(await starting).toMatchObject({
      code: 'CONFLICT',
      detail: 'The order to start slow was overtaken by one to stop it.',
    });
    expect(await stopping).toMatchObject({ status: 'stopped' });

    await mesh.order('start', 'echo');
    const restarting = problemOf(mesh.order('restart', 'echo'));
    const last = mesh.order('stop', 'echo');
    expect(await restarting).toMatchObject({ code: 'CONFLICT' });
    expect(await last).toMatchObject({ status: 'stopped' });
  });

  it('that want the same both are answered', async () => {
    const [one, other, third] = await Promise.all([
      mesh.order('start', 'echo'),
      mesh.order('start', 'echo'),
      mesh.order('restart', 'echo'),
    ]);
    expect([one?.status, other?.status, third?.status]).toEqual(['running', 'running', 'running']);
    expect(mesh.pids('echo')).toHaveLength(1);
    await mesh.order('stop', 'echo');
  });

  it('and many more, the last decides', async () => {
    const verbs = ['start', 'stop', 'restart', 'stop', 'start', 'restart', 'start'] as const;
    await Promise.allSettled(verbs.map((verb) => mesh.order(verb, 'echo')));
    await eventually(async () => (await mesh.get('echo')).status === 'running');
    expect(mesh.pids('echo')).toHaveLength(1);
    await mesh.order('stop', 'echo');
    expect(mesh.pids('echo')).toEqual([]);
  });
});

describe('an order is refused', () => {
  it.each([
    ['for a plugin that nobody knows', 'none', {}, 'PLUGIN_NOT_FOUND', 'There is no plugin "none".'],
    ['for one that is disabled', 'disabled', {}, 'CONFLICT', 'disabled by its configuration'],
    ['for one without instances', 'nobody', {}, 'CONFLICT', '"replicas": 0'],
    ['for one with a broken manifest', 'broken', {}, 'CONFLICT', '/command'],
    ['with an option that there is not', 'echo', { force: true }, 'INVALID_PAYLOAD', '"force"'],
    ['with an option of another kind', 'echo', { wait: 'no' }, 'INVALID_PAYLOAD', 'wait must be boolean'],
  ])('%s', async (_, id, options, code, detail) => {
    for (const verb of ['start', 'restart'] as const) {
      expect(await problemOf(mesh.order(verb, id, options))).toMatchObject({
        code,
        detail: expect.stringContaining(detail),
      });
    }
  });

  it('to end in time, and stays', async () => {
    await using hasty = await Mesh.create([
      manifest('slower', 'echo.mjs', { env: { ECHO_START_MS: '1500' } }),
    ]);
    await hasty.supervise({ controlWaitMs: 800 });
    expect(await problemOf(hasty.order('start', 'slower'))).toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      detail: 'slower is starting after 0.8 s; the order to start it stays.',
    });
    await eventually(async () => (await hasty.get('slower')).status === 'running');
  });
});

describe('the list of plugins', () => {
  it('has them all, by id', async () => {
    const list = await mesh.ask<PluginInfo[]>(subjects.registryList);
    expect(list.map(({ id }) => id)).toEqual(['broken', 'disabled', 'echo', 'nobody', 'slow', 'twice']);
    expect(list[0]).toMatchObject({
      status: 'error',
      error: expect.stringContaining('plugin.json: /command'),
    });
    expect(list[1]).toMatchObject({
      status: 'stopped',
      config: { enabled: false, revision: expect.any(Number) },
    });
    expect(await problemOf(mesh.get('none'))).toMatchObject({ code: 'PLUGIN_NOT_FOUND' });
  });

  it('follows the folders', async () => {
    mesh.write(manifest('late', 'echo.mjs', { autostart: true }));
    await eventually(async () => (await mesh.get('late')).status === 'running');
    mesh.remove('late');
    await eventually(async () => (await problemOf(mesh.get('late'))).code === 'PLUGIN_NOT_FOUND');
    expect(mesh.pids('late')).toEqual([]);
    expect(await problemOf(mesh.order('start', 'late'))).toMatchObject({ code: 'PLUGIN_NOT_FOUND' });
  });
});
