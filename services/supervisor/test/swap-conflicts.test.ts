import { existsSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Kvm } from '@nats-io/kv';
import type { KV } from '@nats-io/kv';
import { buckets, subjects } from '@bkg/sdk';
import type { Manifest, PluginConfig, PluginInfo } from '@bkg/sdk';
import { delay } from '@bkg/sdk/host';
import { eventually } from '@bkg/sdk/testing';
import { manifest, Mesh, problemOf } from './mesh.ts';
import { SteadyCaller } from './steady-caller.ts';

interface Kept {
  config: { revision: number; version: string; from_version?: string; replicas: number };
  run: { version: string; want: string };
}

let mesh: Mesh;
let desired: KV;
const lockFile = () => path.join(mesh.shared, 'turns.lock');

/** A plugin in two versions, the second of which is tested for a while. */
function versions(id: string, replicas = 1, second: Partial<Manifest> = {}, first = second): void {
  const self_test = { capability: 'freeze', payload: { ms: 300 } };
  for (const [version, more] of [
    ['1.0.0', first],
    ['1.1.0', second],
  ] as const)
    mesh.writeVersion({ ...manifest(id, 'echo.mjs', { version, self_test }), config: { replicas }, ...more });
}

const ids = [
  'busy',
  'twice',
  'mixed',
  'scaled',
  'same',
  'early',
  'tested',
  'gone',
  'rewritten',
  'still',
  'again',
  'crashes',
  'turns',
];

beforeAll(async () => {
  mesh = await Mesh.create();
  for (const id of [...ids, 'stopped', 'disabled']) versions(id);
  versions('three', 3);
  versions('edited', 1, { self_test: { capability: 'freeze', payload: { ms: 1_000 } } });
  const config = { env: { ECHO_LOCK: lockFile() } };
  versions('turns', 1, { config }, { config, single_writer: true });
  versions('auto', 1, { autostart: true, config: { env: { ECHO_FAILS: 'never' } } }, { autostart: true });
  await mesh.supervise({ graceMs: 2_000 });
  await Promise.all([...ids, 'three', 'edited'].map((id) => mesh.order('start', id)));
  desired = await new Kvm(mesh.caller.nats).open(buckets.desired);
});
afterAll(() => mesh[Symbol.asyncDispose]());

const configure = (id: string, change: object) =>
  mesh.ask<PluginConfig>(subjects.control('configure', id), change);

async function kept(id: string): Promise<Kept> {
  const [config, run] = await Promise.all([desired.get(`config.${id}`), desired.get(`run.${id}`)]);
  return { config: config!.json(), run: run!.json() };
}

/** What is wanted is one version, also for a supervisor that reads it anew. */
async function agreed(id: string, version: string): Promise<void> {
  await eventually(async () => {
    const { config, run } = await kept(id);
    expect([config.version, run.version]).toEqual([version, version]);
    return true;
  });
}

/** It serves in one version, with as many instances as are wanted, and nothing else is there. */
async function serves(id: string, version: string, replicas = 1): Promise<PluginInfo> {
  await agreed(id, version);
  return eventually(async () => {
    const info = await mesh.get(id);
    const instances = info.instances.map((one) => `${one.version} ${one.status}`);
    expect(instances).toEqual(Array.from({ length: replicas }, () => `${version} running`));
    expect(mesh.pids(id)).toHaveLength(replicas);
    expect(info.rollout?.state).not.toBe('running');
    return info;
  });
}

async function heard(subject: string): Promise<void> {
  const heardIt = Promise.withResolvers<void>();
  const subscription = mesh.caller.nats.subscribe(subject, { callback: () => heardIt.resolve() });
  await heardIt.promise;
  subscription.unsubscribe();
}

const isTested = (id: string): Promise<void> => heard(`plugin.${id}.at.*.invoke.>`);
const swap = (id: string, version = '1.1.0') => mesh.order('swap', id, { version });
const underWay = (id: string) =>
  eventually(async () => (await mesh.get(id)).rollout?.state === 'running', { everyMs: 5 });

it.each(['manifest', 'supervisor'])('an order may not be given in the name of bkg: %s', async (by) => {
  expect(await problemOf(mesh.order('stop', 'echo', { by }))).toMatchObject({
    code: 'INVALID_PAYLOAD',
    errors: [{ path: '/by' }],
  });
});

describe('while a swap is under way', () => {
  it('other orders are refused, a start waits for its end, and it ends well', async () => {
    using caller = new SteadyCaller(mesh.caller, 'busy');
    const first = swap('busy');
    await isTested('busy');
    const { revision } = (await mesh.get('busy')).config;
    const refused = await Promise.all([
      problemOf(swap('busy', '1.0.0')),
      problemOf(swap('busy')),
      problemOf(mesh.order('restart', 'busy')),
      problemOf(mesh.order('scale', 'busy', { replicas: 2 })),
      problemOf(mesh.order('rollback', 'busy')),
      problemOf(configure('busy', { revision, env: { A: 'b' } })),
      problemOf(configure('busy', { revision, replicas: 2 })),
    ]);
    for (const { code, detail } of refused) {
      expect(code).toBe('CONFLICT');
      expect(detail).toContain('swap to 1.1.0 of busy is under way');
    }
    const started = await mesh.order('start', 'busy');
    expect(started).toMatchObject({ version: '1.1.0', instances: [{ version: '1.1.0', status: 'running' }] });
    expect((await first).rollout).toMatchObject({ state: 'done', from: '1.0.0', to: '1.1.0' });
    await serves('busy', '1.1.0');
    expect(await caller.end()).toEqual([]);
  });

  it('a start of a plugin that nobody has ordered before does not make its version the wanted one', async () => {
    await eventually(async () => (await mesh.get('auto')).status === 'running');
    const before = await mesh.get('auto');
    const failing = problemOf(swap('auto'));
    await underWay('auto');
    expect(await mesh.order('start', 'auto')).toMatchObject({ status: 'running' });
    expect(await failing).toMatchObject({ code: 'PLUGIN_CRASHED' });
    await delay(300);
    expect((await serves('auto', '1.0.0')).instances).toEqual(before.instances);
  });

  it('its old instance may crash: the new one serves, and what is lost is not known', async () => {
    const { instances } = await mesh.get('crashes');
    const swapping = swap('crashes');
    await isTested('crashes');
    process.kill(instances[0]!.pid!, 'SIGKILL');
    expect((await swapping).rollout).toMatchObject({ state: 'done', invocations: { lost: null } });
    await serves('crashes', '1.1.0');
  });

  it('of a single writer to a version that is none, there are never two', async () => {
    await swap('turns');
    await serves('turns', '1.1.0');
    expect(existsSync(`${lockFile()}.broken`)).toBe(false);
    await swap('turns', '1.0.0');
    await serves('turns', '1.0.0');
    expect(existsSync(`${lockFile()}.broken`)).toBe(false);
  });

  it('its version may go: those before it go on', async () => {
    const before = await mesh.get('gone');
    const failing = problemOf(swap('gone'));
    await isTested('gone');
    mesh.remove('gone-1.1.0');
    expect(await failing).toMatchObject({ code: 'CONFLICT', detail: expect.stringContaining('has gone') });
    await delay(300);
    expect((await serves('gone', '1.0.0')).instances).toEqual(before.instances);
  });

  it('its plugin.json may change: until its version is the wanted one nothing else is written', async () => {
    const written: Kept['config'][] = [];
    const subscription = mesh.caller.nats.subscribe(`$KV.${buckets.desired}.*.edited`, {
      callback: (_, msg) => {
        if (msg.subject.includes('.run.')) subscription.unsubscribe();
        else if (msg.subject.includes('.config.')) written.push(msg.json());
      },
    });
    const swapping = swap('edited');
    await isTested('edited');
    const self_test = { capability: 'freeze', payload: { ms: 1 } };
    mesh.writeVersion(manifest('edited', 'echo.mjs', { version: '1.1.0', self_test, env: { NEW: '1' } }));
    expect((await swapping).rollout).toMatchObject({ state: 'done' });
    expect(written).toMatchObject([{ version: '1.1.0', from_version: '1.0.0' }]);
    await eventually(async () => (await mesh.get('edited')).config.env['NEW'] === '1');
    await serves('edited', '1.1.0');
  });

  it('somebody else may write what is wanted: it is taken back as a whole', async () => {
    const before = await mesh.get('rewritten');
    const failing = problemOf(swap('rewritten'));
    await isTested('rewritten');
    const run = await desired.get('run.rewritten');
    await desired.put('run.rewritten', run!.value);
    expect(await failing).toMatchObject({ code: 'CONFLICT' });
    expect((await serves('rewritten', '1.0.0')).instances).toEqual(before.instances);
  });
});

describe('a swap to the version that runs', () => {
  it('replaces it by what lies there now', async () => {
    const before = await mesh.get('again');
    const { rollout } = await swap('again', '1.0.0');
    expect(rollout).toMatchObject({ state: 'done', from: '1.0.0', to: '1.0.0' });
    const { instances } = await serves('again', '1.0.0');
    expect(instances[0]?.instance).not.toBe(before.instances[0]?.instance);
  });
});

describe('orders that come at the same time', () => {
  it('two swaps: one is carried out', async () => {
    const answers = await Promise.allSettled([swap('twice'), swap('twice')]);
    expect(answers.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    await serves('twice', '1.1.0');
    expect((await kept('twice')).config.revision).toBe(2);
  });

  it('a swap and a restart: one is carried out', async () => {
    const answers = await Promise.allSettled([swap('mixed'), mesh.order('restart', 'mixed')]);
    expect(answers.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    await serves('mixed', answers[0].status === 'fulfilled' ? '1.1.0' : '1.0.0');
  });

  it('a swap and a scale: none undoes the other', async () => {
    const [scaled, swapped] = await Promise.allSettled([
      mesh.order('scale', 'scaled', { replicas: 2 }),
      swap('scaled'),
    ]);
    const version = swapped.status === 'fulfilled' ? '1.1.0' : '1.0.0';
    await serves('scaled', version, scaled.status === 'fulfilled' ? 2 : 1);
  });

  it('a swap and a stop: it is stopped', async () => {
    const [, stopped] = await Promise.allSettled([swap('same'), mesh.order('stop', 'same')]);
    expect(stopped.status).toBe('fulfilled');
    await eventually(() => mesh.pids('same').length === 0);
    await eventually(async () => (await mesh.get('same')).rollout?.state !== 'running');
    const { run } = await kept('same');
    await agreed('same', run.version);
    expect(run.want).toBe('stopped');
  });
});

describe('a stop during a swap', () => {
  it.each<[string, string, (id: string) => Promise<unknown>, number]>([
    ['when it has begun', 'early', underWay, 1],
    ['in the self-test', 'tested', isTested, 1],
    ['when its version is the wanted one', 'three', () => heard(`$KV.${buckets.desired}.run.three`), 3],
  ])('%s cancels it, and all is stopped', async (_, id, moment, replicas) => {
    const cancelled = problemOf(swap(id));
    await moment(id);
    const stopped = await mesh.order('stop', id);
    expect(stopped).toMatchObject({ status: 'stopped', instances: [] });
    expect(await cancelled).toMatchObject({ code: 'CONFLICT', detail: expect.stringContaining('stop') });
    expect(mesh.pids(id)).toEqual([]);
    const version = replicas === 3 ? '1.1.0' : '1.0.0';
    await agreed(id, version);
    expect(await mesh.get(id)).toMatchObject({ version, status: 'stopped', rollout: { state: 'failed' } });
    await mesh.order('start', id);
    await serves(id, version, replicas);
  });
});

describe('a swap of a plugin that does not run', () => {
  it('writes the version only, and a start runs it', async () => {
    expect(await mesh.order('stop', 'stopped')).toMatchObject({ status: 'stopped', version: '1.0.0' });
    expect(await swap('stopped')).toMatchObject({ status: 'stopped', version: '1.1.0', instances: [] });
    expect(mesh.pids('stopped')).toEqual([]);
    await agreed('stopped', '1.1.0');
    await mesh.order('start', 'stopped');
    await serves('stopped', '1.1.0');
  });

  it('because it is disabled writes the version only, too', async () => {
    await mesh.order('start', 'disabled');
    const { revision } = await configure('disabled', { revision: 1, enabled: false });
    await swap('disabled');
    await agreed('disabled', '1.1.0');
    expect(mesh.pids('disabled')).toEqual([]);
    await configure('disabled', { revision: revision + 1, enabled: true });
    await serves('disabled', '1.1.0');
  });
});

describe('a swap is refused', () => {
  it('to a version that does not lie there, or cannot run, with what there is', async () => {
    const incomplete = manifest('still', 'echo.mjs', { version: '3.0.0' });
    mesh.writeVersion({ ...incomplete, command: ['node', 'missing.mjs'] });
    mesh.writeText('still-4.0.0', '{"id": "still", "version": "4.0.0"');
    const incompleteFound = await eventually(async () => {
      const problem = await problemOf(swap('still', '3.0.0'));
      return problem.detail.includes('missing.mjs') && problem;
    });
    expect(incompleteFound.code).toBe('CONFLICT');
    const unknown = await problemOf(swap('still', '9.9.9'));
    expect(unknown.code).toBe('CONFLICT');
    expect(unknown.detail).toContain('9.9.9');
    expect(unknown.detail).toContain('1.0.0, 1.1.0');
    expect(unknown.detail).not.toContain('3.0.0');
    expect(await problemOf(swap('still', '4.0.0'))).toMatchObject({ code: 'CONFLICT' });
    expect((await mesh.get('still')).rollout).toBeUndefined();
    expect(await kept('still')).toMatchObject({ config: { revision: 1 }, run: { version: '1.0.0' } });
  });

  it('of a plugin that nobody knows, or that is not managed here', async () => {
    expect(await problemOf(swap('nobody'))).toMatchObject({ code: 'PLUGIN_NOT_FOUND' });
    const event = { id: 'hand', instance: 'i', status: 'running', version: '1.0.0', started_at: '' };
    mesh.caller.publish(subjects.event('hand', 'i', 'status'), JSON.stringify(event));
    await eventually(() => mesh.get('hand'));
    for (const refused of [
      swap('hand'),
      mesh.order('rollback', 'hand'),
      mesh.order('scale', 'hand', { replicas: 2 }),
    ])
      expect(await problemOf(refused)).toMatchObject({
        code: 'CONFLICT',
        detail: expect.stringContaining('not managed'),
      });
  });

  it.each<['swap' | 'scale' | 'rollback', unknown, string[]]>([
    ['swap', {}, ['']],
    ['swap', { version: 1 }, ['/version']],
    ['swap', { version: '1.1.0', force: 'yes', more: 1 }, ['', '/force']],
    ['swap', [], ['']],
    ['scale', {}, ['']],
    ['scale', { replicas: -1, wait: 1 }, ['/replicas', '/wait']],
    ['scale', { replicas: 1.5 }, ['/replicas']],
    ['rollback', { to: 0 }, ['/to']],
    ['rollback', { to: '1', by: 5 }, ['/by', '/to']],
  ])('%s with %j, with the places that do not fit', async (verb, body, places) => {
    const { code, errors } = await problemOf(mesh.order(verb, 'still', body));
    expect(code).toBe('INVALID_PAYLOAD');
    expect(errors?.map(({ path: where }) => where).toSorted()).toEqual(places);
  });
});

describe('other supervisors, and a shutdown', () => {
  it('a second one of the home, and one of another home, wait during a swap; a shutdown ends it', async () => {
    await using other = await Mesh.create();
    for (const version of ['1.0.0', '1.1.0'])
      other.writeVersion(
        manifest('echo', 'echo.mjs', {
          version,
          autostart: true,
          self_test: { capability: 'freeze', payload: { ms: 300 } },
        }),
      );
    const store = async () => {
      const kv = await new Kvm(other.caller.nats).open(buckets.desired);
      const [config, run] = await Promise.all([kv.get('config.echo'), kv.get('run.echo')]);
      return [config!.json<Kept['config']>().version, run!.json<Kept['run']>().version];
    };
    const first = await other.supervise();
    await eventually(async () => (await other.get('echo')).status === 'running');
    const abort = new AbortController();
    const acting: string[] = [];
    const second = other.supervise().then(() => acting.push('second'));
    const elsewhere = { home: path.join(other.folder, 'elsewhere'), signal: abort.signal };
    const third = other.supervise({}, elsewhere).catch((error: Error) => error.message);
    await other.order('swap', 'echo', { version: '1.1.0' });
    expect(acting).toEqual([]);
    expect(other.pids('echo')).toHaveLength(1);
    abort.abort(new Error('enough'));
    expect(await third).toBe('enough');

    const cut = problemOf(other.order('swap', 'echo', { version: '1.0.0' }));
    await new Promise<void>((resolve) => {
      other.caller.nats.subscribe('plugin.echo.at.*.invoke.>', { callback: () => resolve() });
    });
    expect(await other.ask('bkg.control.shutdown')).toEqual({ ok: true });
    expect(other.pids()).toEqual([]);
    expect(await cut).toMatchObject({ code: 'PLUGIN_UNAVAILABLE' });
    await first.stop();
    await second;
    const info = await eventually(async () => {
      const one = await other.get('echo');
      return one.status === 'running' && one;
    });
    expect(info.instances).toMatchObject([{ version: '1.1.0' }]);
    expect(await store()).toEqual(['1.1.0', '1.1.0']);
    expect(other.pids('echo')).toHaveLength(1);
  });
});
