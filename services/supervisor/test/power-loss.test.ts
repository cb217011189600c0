import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { nuid } from '@nats-io/nats-core';
import { subjects } from '@bkg/sdk';
import type { ConfigHistory, PluginConfig } from '@bkg/sdk';
import { delay, readProcessStat } from '@bkg/sdk/host';
import { eventually } from '@bkg/sdk/testing';
import { ownCgroupPlaces } from '../src/isolation/cgroup-places.ts';
import { CgroupTree } from '../src/isolation/cgroup-tree.ts';
import { leftoversOf } from './leftovers.ts';
import { manifest } from './mesh.ts';
import type { Mesh } from './mesh.ts';
import { mortalMesh, SupervisorProgram } from './mortal-mesh.ts';

const settings = JSON.stringify({ type: 'object', properties: { wanted: { type: 'integer' } } });

let mesh: Mesh;
let supervisor: SupervisorProgram;
const sleepers: ChildProcess[] = [];
const configured = ['idle', 'live', 'rolling'] as const;

beforeAll(async () => {
  mesh = await mortalMesh([
    manifest('idle', 'echo.mjs'),
    manifest('live', 'echo.mjs', { env: { ECHO_LIVE: '1', ECHO_SETTINGS: settings } }),
    manifest('rolling', 'echo.mjs'),
    manifest('bad', 'echo.mjs', { env: { ECHO_EXITS: '3' } }),
  ]);
  supervisor = await SupervisorProgram.start(mesh);
  await Promise.all(['live', 'rolling'].map((id) => mesh.order('start', id)));
  await mesh.order('start', 'bad').catch(() => undefined);
});
afterAll(async () => {
  for (const child of sleepers) child.kill('SIGKILL');
  await supervisor.kill();
  await mesh[Symbol.asyncDispose]();
});

/** What was acknowledged of a plugin, newest last. */
type Acknowledged = Map<string, PluginConfig[]>;

/** Configures a plugin again and again until the power is gone. */
async function keepConfiguring(id: string, acknowledged: Acknowledged, signal: AbortSignal): Promise<void> {
  let { revision } = (await mesh.get(id)).config;
  const done: PluginConfig[] = [];
  acknowledged.set(id, done);
  while (!signal.aborted) {
    const change = { revision, settings: { wanted: revision + 1 }, wait: false };
    try {
      const config = await mesh.ask<PluginConfig>(subjects.control('configure', id), change, 5_000);
      if (!signal.aborted) done.push(config);
      ({ revision } = config);
    } catch {
      // A rollout is under way: nothing was acknowledged.
      await delay(5);
    }
  }
}

/** Nobody does anything any more, and what stands on the disk then is all that there will be. */
async function losePower(end: AbortController): Promise<void> {
  const pids = [mesh.server.pid, supervisor.child.pid!, ...mesh.pids()];
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  await eventually(() => pids.every((pid) => ['T', 'Z', undefined].includes(readProcessStat(pid)?.[0])));
  // Who was answered before is told so.
  await setImmediate();
  end.abort();
  const copy = path.join(mesh.folder, 'copy');
  execFileSync('cp', ['-a', mesh.home, copy]);
  // Also what was started while we looked.
  for (const pid of new Set([...pids, ...mesh.pids()])) process.kill(pid, 'SIGKILL');
  await supervisor.ended;
  await eventually(() => mesh.pids().length === 0);
  await mesh.server.kill();
  rmSync(mesh.home, { recursive: true });
  renameSync(copy, mesh.home);
}

it('after a loss of power everything that was acknowledged is wanted, and each instance runs once', async () => {
  const afterMs = randomInt(20, 600);
  const moment = `lost after ${afterMs} ms`;
  const end = new AbortController();
  const acknowledged: Acknowledged = new Map();
  for (const id of configured) void keepConfiguring(id, acknowledged, end.signal);
  await eventually(() => configured.every((id) => (acknowledged.get(id)?.length ?? 0) > 0));
  await delay(afterMs);
  await losePower(end);
  await mesh.server.restart();
  await eventually(() => mesh.caller.connected);
  supervisor = await SupervisorProgram.start(mesh);

  await eventually(async () => (await leftoversOf(mesh)).length === 0).catch(() => undefined);
  expect(await leftoversOf(mesh), moment).toEqual([]);
  for (const id of configured) {
    const { revisions } = await mesh.ask<ConfigHistory>(subjects.history(id));
    for (const config of acknowledged.get(id)!.slice(-60)) {
      const kept = revisions.find(({ revision }) => revision === config.revision);
      expect(kept?.config, `${id} ${config.revision}, ${moment}`).toEqual(config);
    }
  }
  for (const id of ['live', 'rolling']) {
    const info = await eventually(
      async () => {
        const one = await mesh.get(id);
        return one.status === 'running' && one.instances.length === 1 && one;
      },
      { withinMs: 15_000 },
    );
    expect(mesh.pids(id), moment).toEqual([info.instances[0]!.pid]);
    expect(await mesh.invoke(id, 'settings'), moment).toEqual(info.config.settings);
  }
  expect(await mesh.get('idle')).toMatchObject({ status: 'stopped', instances: [] });
}, 60_000);

it('a cold start leaves nothing of an earlier run that is not known', { timeout: 60_000 }, async () => {
  const run = (name: string): string => path.join(mesh.home, 'run', name);
  const [dead, gone, stray] = [nuid.next(), nuid.next(), nuid.next()];
  const { instance } = (await mesh.get('live')).instances[0]!;
  await supervisor.kill();
  const record = JSON.parse(readFileSync(run(`${instance}.json`), 'utf8')) as object;
  const nobody = { pid: 2 ** 22, start: '1' };
  writeFileSync(run(`${dead}.json`), JSON.stringify({ ...record, instance: dead, process: nobody }));
  writeFileSync(run(`${dead}.out`), 'last words\n');
  for (const ending of ['credentials.json', 'config.json', 'out', 'err', 'read', 'json.4194304-0badc0de.new'])
    writeFileSync(run(`${gone}.${ending}`), 'x');
  for (const name of [`${instance}.json.4194304-0badc0de.new`, 'supervisor.json.4194304-0badc0de.old'])
    writeFileSync(run(name), 'x');
  mkdirSync(run('failures'), { recursive: true });
  writeFileSync(run('failures/live.json.4194304-0badc0de.new'), '{');
  writeFileSync(run('failures/idle.json'), 'nonsense');
  const byEnvironment = sleeper({ BKG_HOME: mesh.home, BKG_INSTANCE_ID: stray });
  const byCgroup = sleeper();
  const cgroups = cgroupsOf(instance).map((folder) => path.join(path.dirname(folder), gone));
  for (const folder of cgroups) {
    mkdirSync(folder);
    writeFileSync(path.join(folder, 'cgroup.procs'), String(byCgroup.pid));
  }

  supervisor = await SupervisorProgram.start(mesh);
  await eventually(async () => (await leftoversOf(mesh)).length === 0).catch(() => undefined);
  expect(await leftoversOf(mesh)).toEqual([]);
  expect(readdirSync(run('failures')).filter((name) => !/^(bad|live)\.json$/.test(name))).toEqual([]);
  await eventually(() => byEnvironment.signalCode === 'SIGKILL');
  if (cgroups.length > 0) await eventually(() => byCgroup.signalCode === 'SIGKILL');
  expect(await mesh.messages('live')).toContain('last words');
  expect((await mesh.get('live')).ends?.some((end) => end.instance === dead)).toBe(true);
  await eventually(async () => (await mesh.get('live')).instances[0]?.instance === instance);
});

function sleeper(env: NodeJS.ProcessEnv = {}): ChildProcess {
  const child = spawn('sleep', ['600'], { env: { ...process.env, ...env }, stdio: 'ignore', detached: true });
  sleepers.push(child);
  return child;
}

/** The folders of an instance's cgroups; none where there are none. */
function cgroupsOf(instance: string): string[] {
  const places = ownCgroupPlaces();
  const { parts } = new CgroupTree({ home: mesh.home, places, bases: {} }).find(instance);
  return [...new Set(Object.values(parts).map(({ folder }) => folder))];
}
