import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BkgError, subjects } from '@bkg/sdk';
import type { ConfigHistory, Manifest, PluginConfig, PluginInfo } from '@bkg/sdk';
import { delay } from '@bkg/sdk/host';
import { eventually } from '@bkg/sdk/testing';
import { manifest, Mesh, problemOf } from './mesh.ts';
import { SteadyCaller } from './steady-caller.ts';

const settings = JSON.stringify({
  type: 'object',
  properties: { fails: { type: 'string' }, depth: { type: 'integer' } },
});

let mesh: Mesh;

type Made = Partial<Manifest> & { env?: Record<string, string>; replicas?: number };

/** @param file one of the fixtures */
function version(id: string, number: string, file: string, { env = {}, replicas = 1, ...more }: Made): void {
  mesh.writeVersion({ ...manifest(id, file, { version: number, ...more }), config: { env, replicas } });
}

function versions(
  id: string,
  { file = 'echo.mjs', ...second }: Made & { file?: string },
  first: Made = {},
): void {
  version(id, '1.0.0', file, first);
  version(id, '1.1.0', file, second);
}

const fails = (n: number) => ({
  ECHO_FAILS: 'it is not my day',
  ECHO_FAILS_AT: `${n}`,
  ECHO_STARTS_FILE: path.join(mesh.shared, 'starts'),
});

/** What the second version does wrong, and what is answered then. */
const bad: [id: string, Made & { file?: string }, detail: RegExp][] = [
  ['late', { start_timeout_secs: 1, env: { ECHO_START_MS: '60000' } }, /was not ready within 1 s/],
  ['exits', { env: { ECHO_EXITS: '7' } }, /ended with code 7/],
  ['crashes', { self_test: { capability: 'crash', payload: { code: 9 } } }, /ended with code 9/],
  [
    'errs',
    { self_test: { capability: 'log', payload: { level: 'loud' } } },
    /failed its self-test: log answered/,
  ],
  ['hangs', { self_test: { capability: 'freeze', payload: { ms: 6_000 } } }, /did not answer within 2\.5 s/],
  ['mute', { file: 'held.mjs', env: { HELD_ADMISSION: 'none' } }, /could not be let in/],
];
/** How long the second version lives after it was admitted: it ends while it is made the wanted one, or soon after. */
const livesMs = [0, 10, 40, 150];

beforeAll(async () => {
  mesh = await Mesh.create();
  for (const [id, made] of bad) versions(id, made);
  for (const ms of livesMs) {
    versions(`brief-${ms}`, { file: 'held.mjs', env: { HELD_LIVES_MS: `${ms}` } });
  }
  versions('poor', { env: { ECHO_IS_POOR: '1' } });
  versions('three', { env: { ...fails(2), ECHO_IS_POOR: '1' }, replicas: 3 }, { replicas: 3 });
  versions('refuses', {}, { env: { ECHO_SETTINGS: settings } });
  versions('live', {}, { env: { ECHO_SETTINGS: settings, ECHO_LIVE: '1' } });
  versions('past', {});
  version('edited', '1.0.0', 'echo.mjs', {});
  await mesh.supervise({ selfTestMs: 2_500, admitMs: 4_000, startTimeoutMs: 30_000 });
  const brief = livesMs.map((ms) => `brief-${ms}`);
  const ids = [...bad.map(([id]) => id), ...brief, 'poor', 'three', 'refuses', 'live', 'past', 'edited'];
  await Promise.all(ids.map((id) => mesh.order('start', id)));
});
afterAll(() => mesh[Symbol.asyncDispose]());

const swap = (id: string, more: object = {}) => mesh.order('swap', id, { version: '1.1.0', ...more });
const configure = (id: string, change: object) =>
  mesh.ask<PluginConfig>(subjects.control('configure', id), change);
const history = async (id: string) => (await mesh.ask<ConfigHistory>(subjects.history(id))).revisions;
const environment = (id: string) => mesh.invoke<Record<string, string>>(id, 'environment');

/** It serves in one version, and nothing else is there. */
function serves(id: string, number: string, replicas = 1): Promise<PluginInfo> {
  return eventually(async () => {
    const info = await mesh.get(id);
    const instances = info.instances.map((one) => `${one.version} ${one.status}`);
    expect(instances).toEqual(Array.from({ length: replicas }, () => `${number} running`));
    expect(mesh.pids(id)).toHaveLength(replicas);
    return info;
  });
}

describe('a swap to a version that is no good leaves the old one as it is', () => {
  it.each(bad)('%s', async (id, _, detail) => {
    const before = await mesh.get(id);
    using caller = new SteadyCaller(mesh.caller, id);
    // Those without schemas say less than those with them.
    const problem = await problemOf(swap(id, { force: true, by: 'ana', why: 'newer' }));
    expect(problem.code).toBe('PLUGIN_CRASHED');
    expect(problem.detail).toMatch(detail);
    expect(problem.detail).toContain('1.0.0 goes on serving');
    const after = await serves(id, '1.0.0');
    expect(await caller.end()).toEqual([]);
    expect(after.instances).toEqual(before.instances);
    expect(after.config).toEqual({ ...before.config, revision: 3 });
    expect(after.rollout).toMatchObject({ state: 'failed', from: '1.0.0', to: '1.1.0', by: 'ana' });
    expect(after.rollout?.error).toMatch(detail);
    const [back, tried, first] = await history(id);
    expect(first).toMatchObject({ revision: 1, version: '1.0.0' });
    expect(tried).toMatchObject({ revision: 2, version: '1.1.0', by: 'ana', why: 'newer' });
    expect(back).toMatchObject({ revision: 3, version: '1.0.0', by: 'supervisor', restores: 1 });
    expect(back?.why).toMatch(detail);
  });

  it.each(livesMs)('or ends well before it crashes, %d ms after it was admitted', async (ms) => {
    const id = `brief-${ms}`;
    const answer = await swap(id).catch((error: BkgError) => error);
    const isDone = !(answer instanceof BkgError);
    if (!isDone)
      expect(answer).toMatchObject({
        code: 'PLUGIN_CRASHED',
        message: expect.stringContaining('ended with code 9'),
      });
    const number = isDone ? '1.1.0' : '1.0.0';
    const { rollout } = await serves(id, number);
    expect(rollout?.state).toBe(isDone ? 'done' : 'failed');
    expect((await history(id))[0]).toMatchObject({ revision: isDone ? 2 : 3, version: number });
    // What is written is the same.
    await mesh.order('stop', id);
    await mesh.order('start', id);
    await serves(id, number);
  });
});

describe('a swap to a version that breaks the contract', () => {
  it('is refused with the breaks, and carried out when it is forced', async () => {
    const before = await mesh.get('poor');
    using caller = new SteadyCaller(mesh.caller, 'poor');
    const problem = await problemOf(swap('poor'));
    expect(problem.code).toBe('CONFLICT');
    expect(problem.errors).toMatchObject([
      { path: '/text.shout', message: expect.stringContaining('capability_gone') },
    ]);
    const refused = await serves('poor', '1.0.0');
    expect(refused.instances).toEqual(before.instances);
    const breaks = [{ capability: 'text.shout', rule: 'capability_gone' }];
    expect(refused.rollout).toMatchObject({ state: 'failed', contract: { breaks } });
    const after = await swap('poor', { force: true });
    expect(after.rollout).toMatchObject({ state: 'done', contract: { breaks } });
    await serves('poor', '1.1.0');
    expect(await caller.end()).toEqual([]);
  });
});

it('a swap of which the second new instance fails is taken back, and none of three is missed', async () => {
  using caller = new SteadyCaller(mesh.caller, 'three');
  const problem = await problemOf(swap('three', { force: true }));
  expect(problem).toMatchObject({ code: 'PLUGIN_CRASHED' });
  expect(problem.detail).toContain('it is not my day');
  expect(problem.detail).toContain('1.0.0 goes on serving');
  const { rollout, config } = await serves('three', '1.0.0', 3);
  expect(await caller.end()).toEqual([]);
  expect(config.revision).toBe(3);
  expect(rollout).toMatchObject({ state: 'failed', invocations: { lost: 0 } });
  expect(rollout?.instances).toHaveLength(2);
  // It is the new one's, not that of those that came back.
  expect(rollout?.contract.breaks).toHaveLength(1);
});

describe('a configuration with which a plugin does not start', () => {
  it('is taken back, and the answer says why', async () => {
    const before = await mesh.get('refuses');
    using caller = new SteadyCaller(mesh.caller, 'refuses');
    const change = { revision: 1, settings: { fails: 'not with me' }, by: 'ana', why: 'try' };
    const problem = await problemOf(configure('refuses', change));
    expect(problem).toMatchObject({ code: 'PLUGIN_CRASHED' });
    expect(problem.detail).toContain('not with me');
    const after = await serves('refuses', '1.0.0');
    expect(await caller.end()).toEqual([]);
    expect(after.instances).toEqual(before.instances);
    expect(after.config).toEqual({ ...before.config, revision: 3 });
    expect(after.rollout).toMatchObject({ verb: 'configure', state: 'failed' });
    expect(await mesh.invoke('refuses', 'settings')).toEqual({});
    const [back, tried] = await history('refuses');
    expect(tried).toMatchObject({
      revision: 2,
      by: 'ana',
      why: 'try',
      config: { settings: change.settings },
    });
    expect(back).toMatchObject({ revision: 3, restores: 1, by: 'supervisor', config: { settings: {} } });
    expect(back?.why).toContain('the configure failed');
  });

  it('is taken over by an instance that can, and taken back when it refuses it', async () => {
    const before = await mesh.get('live');
    expect(before.settings_live).toBe(true);
    using caller = new SteadyCaller(mesh.caller, 'live');
    await configure('live', { revision: 1, settings: { depth: 2 } });
    expect(await mesh.invoke('live', 'settings')).toEqual({ depth: 2 });
    expect((await mesh.get('live')).instances).toEqual(before.instances);
    const problem = await problemOf(configure('live', { revision: 2, settings: { fails: 'never' } }));
    expect(problem.detail).toContain('never');
    const after = await serves('live', '1.0.0');
    expect(after.instances).toEqual(before.instances);
    expect(after.rollout).toMatchObject({ verb: 'configure', state: 'failed', instances: [] });
    expect(await mesh.invoke('live', 'settings')).toEqual({ depth: 2 });
    expect(after.config).toMatchObject({ revision: 4, settings: { depth: 2 } });
    await configure('live', { revision: 4, settings: { depth: 3 }, limits: { max_concurrency: 5 } });
    expect(await mesh.invoke('live', 'settings')).toEqual({ depth: 3 });
    expect((await mesh.get('live')).instances).toEqual(after.instances);
    expect(await caller.end()).toEqual([]);
  });
});

describe('a rollback', () => {
  it('brings version and configuration back together, and each one goes further back', async () => {
    using caller = new SteadyCaller(mesh.caller, 'past');
    await configure('past', { revision: 1, env: { WHO: 'second' } });
    await swap('past');
    const to = async (body: object, number: string, who: string | undefined) => {
      const { version: said, rollout } = await mesh.order('rollback', 'past', { by: 'ana', ...body });
      expect([said, rollout?.verb, rollout?.state]).toEqual([number, 'rollback', 'done']);
      await serves('past', number);
      const { WHO, BKG_VERSION } = await environment('past');
      expect([BKG_VERSION, WHO]).toEqual([number, who]);
    };
    await to({}, '1.0.0', 'second');
    await to({}, '1.0.0', undefined);
    expect(await problemOf(mesh.order('rollback', 'past'))).toMatchObject({
      code: 'CONFLICT',
      detail: expect.stringContaining('no revision of the configuration of past before 1'),
    });
    await to({ to: 3, why: 'it was good' }, '1.1.0', 'second');
    expect(await caller.end()).toEqual([]);
    const listed = (await history('past')).map(({ revision, version: said, restores, why }) => [
      revision,
      said,
      restores,
      why,
    ]);
    expect(listed).toEqual([
      [6, '1.1.0', 3, 'it was good'],
      [5, '1.0.0', 1, expect.any(String)],
      [4, '1.0.0', 2, expect.any(String)],
      [3, '1.1.0', undefined, expect.any(String)],
      [2, '1.0.0', undefined, expect.any(String)],
      [1, '1.0.0', undefined, 'first seen'],
    ]);
    expect(await problemOf(mesh.order('rollback', 'past', { to: 9 }))).toMatchObject({
      code: 'CONFLICT',
      detail: expect.stringContaining('Revision 9'),
    });
    mesh.remove('past-1.0.0');
    await eventually(async () => (await mesh.get('past')).versions.length === 1);
    expect(await problemOf(mesh.order('rollback', 'past', { to: 1 }))).toMatchObject({
      code: 'CONFLICT',
      detail: expect.stringContaining('1.0.0'),
    });
    await serves('past', '1.1.0');
  });

  it('to what an earlier plugin.json said stays', async () => {
    version('edited', '1.0.0', 'echo.mjs', { env: { WHO: 'second' } });
    await eventually(async () => (await mesh.get('edited')).config.env['WHO'] === 'second');
    await serves('edited', '1.0.0');
    await mesh.order('rollback', 'edited');
    await delay(300);
    expect((await history('edited')).map(({ revision }) => revision)).toEqual([3, 2, 1]);
    await serves('edited', '1.0.0');
    expect((await environment('edited'))['WHO']).toBeUndefined();
  });
});
