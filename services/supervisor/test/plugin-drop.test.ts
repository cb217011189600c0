import { cpSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { PluginInfo } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import { fixture, Mesh, problemOf } from './mesh.ts';

let mesh: Mesh;
let made: string;

beforeAll(async () => {
  mesh = await Mesh.create();
  made = path.join(mesh.folder, 'made');
  await mesh.supervise({ settleMs: 100, patienceMs: 600 });
});
afterAll(() => mesh[Symbol.asyncDispose]());

/** A whole plugin in a folder that nobody looks at. */
function make(id: string, more: object = {}): string {
  const folder = path.join(made, id);
  mkdirSync(folder, { recursive: true });
  const manifest = { id, version: '1.0.0', command: ['node', 'main.mjs'], ...more };
  writeFileSync(path.join(folder, 'plugin.json'), JSON.stringify(manifest));
  writeFileSync(path.join(folder, 'main.mjs'), `import ${JSON.stringify(fixture('echo.mjs'))};`);
  return folder;
}

const at = (id: string): string => path.join(mesh.more, id);
const shows = (id: string, check: (info: PluginInfo) => boolean) =>
  eventually(async () => {
    const info = await mesh.get(id);
    return check(info) && info;
  });
const running = (id: string) => shows(id, ({ status }) => status === 'running');
const isGone = (id: string) =>
  eventually(async () => (await problemOf(mesh.get(id))).code === 'PLUGIN_NOT_FOUND');

it('a place for plugins that is not there yet is looked into as soon as it is', async () => {
  mkdirSync(mesh.more);
  cpSync(make('first'), at('first'), { recursive: true });
  expect(await shows('first', () => true)).toMatchObject({ status: 'stopped' });
});

it('a folder that is dropped in starts by itself only when it says so', async () => {
  cpSync(make('eager', { autostart: true }), at('eager'), { recursive: true });
  cpSync(make('patient'), at('patient'), { recursive: true });
  symlinkSync(make('linked', { autostart: true }), at('linked'));
  await running('eager');
  await running('linked');
  expect(await mesh.get('patient')).toMatchObject({ status: 'stopped', instances: [] });
  expect(await mesh.order('start', 'patient')).toMatchObject({ status: 'running' });
});

it('a folder that is copied slowly, its program last, is shown and not started before it is whole', async () => {
  const from = make('slow', { autostart: true });
  const pids = path.join(mesh.shared, 'pids');
  mkdirSync(at('slow'));
  const config = { env: { ECHO_PID_FILE: pids } };
  const manifest = { id: 'slow', version: '1.0.0', command: ['node', 'main.mjs'], autostart: true, config };
  const text = JSON.stringify(manifest);
  writeFileSync(path.join(at('slow'), 'plugin.json'), text.slice(0, 40));
  expect(await shows('slow', () => true)).toMatchObject({
    status: 'error',
    error: expect.stringContaining('is not JSON'),
  });
  writeFileSync(path.join(at('slow'), 'plugin.json'), text);
  const half = await shows('slow', ({ error }) => error?.includes('main.mjs, which is not there') ?? false);
  expect(half).toMatchObject({ status: 'error', version: '1.0.0', instances: [] });
  expect(await problemOf(mesh.order('start', 'slow'))).toMatchObject({
    code: 'CONFLICT',
    detail: expect.stringContaining('main.mjs, which is not there'),
  });
  for (const name of ['data.json', 'notes.txt']) {
    writeFileSync(path.join(at('slow'), name), '{}');
    await wait(150);
  }
  expect(mesh.pids('slow')).toEqual([]);
  cpSync(path.join(from, 'main.mjs'), path.join(at('slow'), 'main.mjs'));
  const { instances } = await running('slow');
  expect(instances).toHaveLength(1);
  // Never before: nothing has failed.
  expect((await mesh.messages('slow')).filter((line) => line.startsWith('slow 1.0.0'))).toHaveLength(1);
  expect(await mesh.get('eager')).toMatchObject({ status: 'running' });
});

it('a folder with a plugin.json that cannot be read is shown under its own name, and mends by itself', async () => {
  mkdirSync(at('broken'));
  writeFileSync(path.join(at('broken'), 'plugin.json'), '{"id": "broken", "version": 1, "command": []}');
  expect((await shows('broken', () => true)).error).toMatch(/^plugin\.json: .*\/version/);
  cpSync(make('broken'), at('broken'), { recursive: true });
  expect(await shows('broken', ({ status }) => status === 'stopped')).not.toHaveProperty('error');
});

it('a folder that is replaced within a moment does not stop its plugin', async () => {
  const before = await running('eager');
  make('eager', { version: '1.1.0', autostart: true });
  renameSync(at('eager'), path.join(made, 'old'));
  renameSync(path.join(made, 'eager'), at('eager'));
  await wait(400);
  // The same under another name.
  renameSync(at('eager'), at('renamed'));
  await wait(400);
  expect((await running('eager')).instances).toEqual(before.instances);
  expect((await mesh.order('restart', 'eager')).version).toBe('1.1.0');
  expect(await mesh.invoke('eager', 'environment')).toMatchObject({
    BKG_VERSION: '1.1.0',
    cwd: at('renamed'),
  });
  expect((await mesh.messages('eager')).join()).not.toContain('its folder was removed');
});

it('a plugin goes on from a folder that was left out when the one it ran from is removed, and its log says so', async () => {
  cpSync(make('twin', { autostart: true }), at('twin'), { recursive: true });
  const before = await running('twin');
  make('twin', { version: '2.0.0', autostart: true });
  cpSync(path.join(made, 'twin'), at('a-copy-of-twin'), { recursive: true });
  await wait(400);
  expect(await mesh.get('twin')).toMatchObject({ version: '1.0.0', instances: before.instances });
  // Replaced within a moment, it is still the one that counts.
  renameSync(at('twin'), path.join(made, 'away'));
  await wait(20);
  renameSync(path.join(made, 'away'), at('twin'));
  await wait(400);
  expect((await mesh.get('twin')).instances).toEqual(before.instances);

  rmSync(at('twin'), { recursive: true });
  // The new one takes invocations before the old one goes.
  const after = await shows(
    'twin',
    ({ status, version, instances }) => status === 'running' && version === '2.0.0' && instances.length === 1,
  );
  expect(after).not.toHaveProperty('error');
  expect(await mesh.invoke('twin', 'environment')).toMatchObject({ cwd: at('a-copy-of-twin') });
  expect(await mesh.messages('twin')).toContain(
    `stopping: its folder ${at('twin')} has gone, and ${at('a-copy-of-twin')}, which has the same id, takes its place`,
  );
});

it('a plugin runs on when what would take the place of its folder cannot be started', async () => {
  cpSync(make('lonely', { autostart: true }), at('lonely'), { recursive: true });
  const { instances } = await running('lonely');
  cpSync(at('lonely'), at('lonely-copy'), { recursive: true });
  rmSync(path.join(at('lonely-copy'), 'main.mjs'));
  await wait(400);
  rmSync(at('lonely'), { recursive: true });
  await eventually(async () =>
    (await mesh.messages('lonely')).some((line) =>
      line.endsWith('it runs on, because that cannot be started'),
    ),
  );
  expect((await running('lonely')).instances).toEqual(instances);
  cpSync(path.join(made, 'lonely', 'main.mjs'), path.join(at('lonely-copy'), 'main.mjs'));
  await shows('lonely', (info) => info.status === 'running' && info.instances[0]?.pid !== instances[0]?.pid);
});

it('a folder of whose name no id can be made is shown with what is wrong, and with its real name', async () => {
  mkdirSync(at('My Plugin!'));
  writeFileSync(path.join(at('My Plugin!'), 'plugin.json'), '{');
  const broken = await eventually(async () =>
    (await mesh.list()).find(({ id }) => id.startsWith('broken-my')),
  );
  expect(broken).toMatchObject({
    id: expect.stringMatching(/^broken-my-plugin-[0-9a-f]{8}$/),
    status: 'error',
  });
  expect(broken.error).toMatch(/^plugin\.json is not JSON .*; its folder is .*My Plugin!, of whose name/);
  expect(await problemOf(mesh.order('start', broken.id))).toMatchObject({
    code: 'CONFLICT',
    detail: expect.stringContaining('My Plugin!'),
  });
  cpSync(make('mine'), at('My Plugin!'), { recursive: true });
  await shows('mine', ({ status }) => status === 'stopped');
  await isGone(broken.id);
});

it('a folder that is removed takes its plugin with it, which is drained, and whose log says why', async () => {
  await running('patient');
  rmSync(at('patient'), { recursive: true });
  await isGone('patient');
  expect(mesh.pids('patient')).toEqual([]);
  const lines = await mesh.messages('patient');
  expect(lines).toContain('stopping: its folder was removed, and without it nobody could start it again');
  expect(lines.at(-1)).toBe('ended with code 0');
  rmSync(at('first'), { recursive: true });
  await isGone('first');
});

it('a link that is removed takes its plugin with it, and leaves what it led to', async () => {
  await running('linked');
  rmSync(at('linked'));
  await isGone('linked');
  expect(mesh.pids('linked')).toEqual([]);
  symlinkSync(path.join(made, 'linked'), at('linked'));
  // It was running when it went, and nobody has stopped it.
  await running('linked');
});

it('a folder that is removed while no supervisor looks is missed by the next one', async () => {
  const { instances } = await running('linked');
  rmSync(at('linked'));
  // The first still has the home: this one takes over when it has ended.
  await mesh.stopSupervisors();
  rmSync(at('linked'), { force: true });
  await mesh.supervise({ settleMs: 100 });
  await isGone('linked');
  expect(mesh.pids('linked')).not.toContain(instances[0]?.pid);
  expect(mesh.pids('slow')).toHaveLength(1);
});
