import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, watch } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Kvm } from '@nats-io/kv';
import type { KV } from '@nats-io/kv';
import { buckets, subjects } from '@bkg/sdk';
import type { Manifest, PluginInfo, StatusEvent } from '@bkg/sdk';
import { delay } from '@bkg/sdk/host';
import { eventually } from '@bkg/sdk/testing';
import { fixture, manifest, Mesh, quick } from './mesh.ts';
import { SteadyCaller } from './steady-caller.ts';
import { WriteTap } from './write-tap.ts';

let mesh: Mesh;
let tap: WriteTap;
let desired: KV;
let supervisor: ChildProcess;
const runFolder = () => path.join(mesh.home, 'run');
const lockFile = () => path.join(mesh.shared, 'files.lock');

/** What is wanted, as it is kept. */
interface Kept {
  config: { revision: number; version: string; by: string; why: string; restores?: number };
  run: { version: string };
}

/** A plugin in two versions, whose test takes a while. */
function versions(
  id: string,
  { replicas = 1, ...more }: Partial<Manifest> & { replicas?: number } = {},
): void {
  for (const version of ['1.0.0', '1.1.0']) {
    const self_test = { capability: 'freeze', payload: { ms: 100 } };
    const config = { replicas, env: { ECHO_LOCK: id === 'files' ? lockFile() : '' } };
    mesh.writeVersion({ ...manifest(id, 'echo.mjs', { version, self_test, ...more }), config });
  }
}

beforeAll(async () => {
  mesh = await Mesh.create();
  mkdirSync(runFolder(), { recursive: true });
  tap = await WriteTap.create(mesh.server.port);
  versions('echo');
  versions('many', { replicas: 3 });
  versions('files', { single_writer: true });
  versions('one');
  // Its second instance does not start.
  const fails = {
    ECHO_FAILS: 'no',
    ECHO_FAILS_AT: '2',
    ECHO_STARTS_FILE: path.join(mesh.shared, 'starts'),
  };
  mesh.writeVersion({
    ...manifest('many', 'echo.mjs', { version: '2.0.0' }),
    config: { replicas: 3, env: fails },
  });
  await begin();
  await Promise.all(['echo', 'many', 'files', 'one'].map((id) => mesh.order('start', id)));
  desired = await new Kvm(mesh.caller.nats).open(buckets.desired);
});
afterAll(async () => {
  await kill();
  tap.close();
  await mesh[Symbol.asyncDispose]();
});

const lease = { leaseTtlMs: 1_500, leaseEveryMs: 500, fenceMs: 1_000 };

/** A supervisor as a process of its own. */
function program({ home, plugins, server }: Mesh, natsUrl: string): ChildProcess {
  return spawn(process.execPath, [fixture('supervisor.mjs')], {
    env: {
      PATH: process.env['PATH'],
      BKG_HOME: home,
      BKG_NATS_URL: natsUrl,
      BKG_CREDENTIALS_FILE: server.credentialsFile,
      PLUGIN_FOLDER: plugins,
      TIMINGS: JSON.stringify({ ...quick, ...lease }),
    },
    stdio: 'ignore',
  });
}

async function begin(): Promise<void> {
  supervisor = program(mesh, tap.url);
  // The first may still be sent to the one before it.
  await eventually(() => mesh.ask(subjects.registryGet('one'), {}, 500));
}

async function kill(): Promise<void> {
  if (supervisor.exitCode !== null || supervisor.signalCode !== null) return;
  const ended = new Promise((resolve) => supervisor.once('exit', resolve));
  supervisor.kill('SIGKILL');
  await ended;
}

/** Calls `reached` when a swap of a plugin to a version has come so far. */
type Moment = (id: string, to: string, reached: () => void) => void;

/** @param count how often it is heard before */
const hears =
  (
    subject: (id: string) => string,
    isIt: (body: string, to: string) => boolean = () => true,
    count = 0,
  ): Moment =>
  (id, to, reached) => {
    let left = count;
    const subscription = mesh.caller.nats.subscribe(subject(id), {
      callback: (_, msg) => {
        if (!isIt(msg.string(), to) || (left -= 1) >= 0) return;
        subscription.unsubscribe();
        reached();
      },
    });
  };
const says = (isIt: (event: StatusEvent, to: string) => boolean): Moment =>
  hears(
    (id) => subjects.events('status', id),
    (body, to) => isIt(JSON.parse(body) as StatusEvent, to),
  );

const isWritten = (key: 'config' | 'run'): Moment =>
  hears(
    (id) => `$KV.${buckets.desired}.${key}.${id}`,
    (body, to) => (JSON.parse(body) as { version: string }).version === to,
  );

const isSpawned: Moment = (id, to, reached) => {
  const before = new Set(readdirSync(runFolder()));
  const watcher = watch(runFolder(), (_, name) => {
    if (!name || before.has(name) || !/^\w{22}\.json$/.test(name)) return;
    const record = JSON.parse(readFileSync(path.join(runFolder(), name), 'utf8')) as Record<string, unknown>;
    if (record['plugin_id'] !== id || record['version'] !== to || !record['process']) return;
    watcher.close();
    reached();
  });
};

const isHeld = says(({ held, version }, to) => held === true && version === to);
const isTested = hears((id) => `plugin.${id}.at.*.invoke.>`);
const secondIsTested = hears((id) => `plugin.${id}.at.*.invoke.>`, undefined, 1);
const isBeingAdmitted = hears((id) => subjects.admit(id, '*'));
const isRunning = says(({ status, version }, to) => status === 'running' && version === to);
const isUncommitted: Moment = (id, _, reached) => tap.before(buckets.desired, [`run.${id}`], reached);
const oldStops = says(({ status, version }, to) => status === 'stopping' && version !== to);
const oldHasStopped = says(({ status, version }, to) => status === 'stopped' && version !== to);

async function kept(id: string): Promise<Kept> {
  const [config, run] = await Promise.all([desired.get(`config.${id}`), desired.get(`run.${id}`)]);
  return { config: config!.json(), run: run!.json() };
}

/** Everything agrees on one version, and nothing else is there. */
function truth(id: string, version: string): Promise<PluginInfo> {
  return eventually(
    async () => {
      const [info, { config, run }] = [await mesh.get(id), await kept(id)];
      const { replicas } = info.config;
      const instances = info.instances.map((one) => `${one.version} ${one.status}`);
      expect(instances).toEqual(Array.from({ length: replicas }, () => `${version} running`));
      expect(info.rollout?.state ?? 'done').not.toBe('running');
      expect([info.version, config.version, run.version]).toEqual([version, version, version]);
      expect(mesh.pids(id).toSorted()).toEqual(info.instances.map(({ pid }) => pid).toSorted());
      return info;
    },
    { withinMs: 15_000, everyMs: 50 },
  );
}

/** Orders something, kills the supervisor when a moment has come, and lets a successor take over. */
async function killAt(moment: Moment, id: string, to: string, order: () => Promise<unknown>): Promise<void> {
  const reached = new Promise<void>((resolve) => {
    moment(id, to, () => {
      supervisor.kill('SIGKILL');
      resolve();
    });
  });
  await mesh.caller.flush();
  // Nobody may be left who could answer it.
  order().catch(() => undefined);
  await reached;
  await kill();
}

const otherThan = (version: string): string => (version === '1.0.0' ? '1.1.0' : '1.0.0');

async function swapAndKill(moment: Moment, id: string, isDone: boolean | undefined): Promise<void> {
  const [before, { config, run }] = [await mesh.get(id), await kept(id)];
  const to = otherThan(run.version);
  await killAt(moment, id, to, () => mesh.order('swap', id, { version: to, wait: false }));
  const committed = (await kept(id)).run.version === to;
  if (isDone !== undefined) expect(committed).toBe(isDone);
  await begin();
  const after = await truth(id, committed ? to : run.version);
  const left = (await kept(id)).config;
  if (committed) {
    expect(left).toMatchObject({ revision: config.revision + 1, by: 'control' });
    return;
  }
  expect(after.rollout).toMatchObject({ verb: 'swap', state: 'failed', from: run.version, to });
  if (!before.single_writer) expect(after.instances).toEqual(before.instances);
  expect(left).toMatchObject({ revision: config.revision + 2, by: 'supervisor' });
  expect(left.restores).toBe(config.restores ?? config.revision);
  expect(left.why).toContain(`the swap to ${to} was not finished`);
}

describe('a supervisor that is killed in the middle of a swap has a successor that ends in one truth', () => {
  it.each<[string, Moment, boolean | undefined]>([
    ['what is wanted is written', isWritten('config'), false],
    ['the new instance is spawned', isSpawned, false],
    ['the new instance is held', isHeld, false],
    ['the new instance is tested', isTested, false],
    ['the new instance is being admitted', isBeingAdmitted, undefined],
    ['the new instance is running', isRunning, undefined],
    ['the new version is about to be the wanted one', isUncommitted, false],
    ['the new version is the wanted one', isWritten('run'), true],
    ['the old instance stops', oldStops, true],
    ['the old instance has stopped', oldHasStopped, true],
  ])('when %s', async (_, moment, isDone) => {
    using caller = new SteadyCaller(mesh.caller, 'echo');
    await swapAndKill(moment, 'echo', isDone);
    expect(await caller.end()).toEqual([]);
    expect(caller.count).toBeGreaterThan(50);
  });

  it('and a further swap goes to its end', async () => {
    const to = otherThan((await kept('echo')).run.version);
    const { rollout } = await mesh.order('swap', 'echo', { version: to });
    expect(rollout).toMatchObject({ state: 'done', invocations: { lost: 0 } });
    await truth('echo', to);
  });
});

describe('of a single writer', () => {
  it.each<[string, Moment, boolean]>([
    ['the old instance has stopped', oldHasStopped, false],
    ['the new instance is spawned', isSpawned, false],
    ['the new instance is tested', isTested, false],
    ['the new version is the wanted one', isWritten('run'), true],
  ])('there are never two when %s', async (_, moment, isDone) => {
    await swapAndKill(moment, 'files', isDone);
    expect(await mesh.invoke('files', 'text.say', { text: 'back' })).toEqual({ text: 'back' });
    expect(existsSync(`${lockFile()}.broken`)).toBe(false);
  });
});

describe('of several instances', () => {
  it('a swap goes on when its version is the wanted one', async () => {
    using caller = new SteadyCaller(mesh.caller, 'many');
    await swapAndKill(secondIsTested, 'many', true);
    expect(await caller.end()).toEqual([]);
  });

  it('a rolling restart goes on', async () => {
    using caller = new SteadyCaller(mesh.caller, 'many');
    const before = await mesh.get('many');
    await killAt(secondIsTested, 'many', '1.1.0', () => mesh.order('restart', 'many', { wait: false }));
    await begin();
    const ids = before.instances.map(({ instance }) => instance);
    await eventually(async () => {
      const { instances } = await mesh.get('many');
      return instances.length === 3 && !instances.some(({ instance }) => ids.includes(instance));
    });
    await truth('many', before.version);
    expect(await caller.end()).toEqual([]);
  });

  it('a swap that is half taken back is taken back', async () => {
    using caller = new SteadyCaller(mesh.caller, 'many');
    const { run, config } = await kept('many');
    const keys = ['config.many', 'run.many'];
    // Those of the swap are let through, and the first of taking it back.
    const moment: Moment = (_id, _to, reached) => tap.before(buckets.desired, keys, reached, 3);
    await killAt(moment, 'many', '2.0.0', () =>
      mesh.order('swap', 'many', { version: '2.0.0', wait: false }),
    );
    await begin();
    await truth('many', run.version);
    expect((await kept('many')).config.restores).toBe(config.revision);
    expect(await caller.end()).toEqual([]);
  });
});

it('a restart whose new instance became ready while nobody watched goes on', async () => {
  using caller = new SteadyCaller(mesh.caller, 'one');
  const before = await mesh.get('one');
  const held = new Promise<void>((resolve) => isHeld('one', before.version, resolve));
  await killAt(isSpawned, 'one', before.version, () => mesh.order('restart', 'one', { wait: false }));
  await held;
  await begin();
  await eventually(async () => {
    const [only, ...others] = (await mesh.get('one')).instances;
    return others.length === 0 && only?.instance !== before.instances[0]?.instance;
  });
  await truth('one', before.version);
  expect(await caller.end()).toEqual([]);
});

it('a supervisor that slept in the middle of a swap, and whose lease another has, writes nothing any more', async () => {
  await kill();
  await using other = await Mesh.create();
  const self_test = { capability: 'freeze', payload: { ms: 100 } };
  for (const version of ['1.0.0', '1.1.0'])
    other.writeVersion(manifest('echo', 'echo.mjs', { version, self_test, autostart: true }));
  const between = await WriteTap.create(other.server.port);
  const sleeper = program(other, between.url);
  try {
    await eventually(async () => (await other.get('echo')).status === 'running');
    // That the new version is wanted is on its way when it falls asleep.
    const committing = new Promise<void>((resolve) => {
      between.before(buckets.desired, ['run.echo'], () => {
        sleeper.kill('SIGSTOP');
        resolve();
      });
    });
    await other.order('swap', 'echo', { version: '1.1.0', wait: false });
    await committing;
    await other.supervise(lease, { home: path.join(other.folder, 'elsewhere') });
    between.release();
    sleeper.kill('SIGCONT');
    await delay(1_000);
    const kv = await new Kvm(other.caller.nats).open(buckets.desired);
    const [config, run] = await Promise.all([kv.get('config.echo'), kv.get('run.echo')]);
    expect(config!.json()).toMatchObject({ version: '1.0.0', by: 'supervisor' });
    expect(run!.json()).toMatchObject({ version: '1.0.0' });
  } finally {
    sleeper.kill('SIGKILL');
    between.close();
  }
});
