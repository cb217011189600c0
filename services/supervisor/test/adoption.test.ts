import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Kvm } from '@nats-io/kv';
import { buckets, leaseKey, subjects } from '@bkg/sdk';
import type { PluginConfig, PluginInfo } from '@bkg/sdk';
import { delay, processStart } from '@bkg/sdk/host';
import { eventually, silentLogger } from '@bkg/sdk/testing';
import { createSupervisor } from '../src/supervisor.ts';
import { fixture, isAlive, manifest, Mesh, problemOf, quick } from './mesh.ts';

let mesh: Mesh;
const children: ChildProcess[] = [];

beforeEach(async () => {
  mesh = await Mesh.create([manifest('echo', 'echo.mjs')]);
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await mesh[Symbol.asyncDispose]();
});

/** A supervisor as a process of its own, which can be killed. */
async function program(timings = {}): Promise<{ child: ChildProcess; kill: () => Promise<void> }> {
  const child = spawn(process.execPath, [fixture('supervisor.mjs')], {
    env: {
      PATH: process.env['PATH'],
      BKG_HOME: mesh.home,
      BKG_NATS_URL: mesh.server.url,
      BKG_CREDENTIALS_FILE: mesh.server.credentialsFile,
      PLUGIN_FOLDER: mesh.plugins,
      TIMINGS: JSON.stringify({ ...quick, ...timings }),
    },
    stdio: 'ignore',
  });
  children.push(child);
  await eventually(() => mesh.get('echo'), { withinMs: 30_000 });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return {
    child,
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

const pidOf = ({ instances }: PluginInfo): number => instances[0]!.pid!;
const run = (name: string): string => path.join(mesh.home, 'run', name);
const records = (): string[] =>
  readdirSync(path.join(mesh.home, 'run')).filter((name) => /^\w{22}\.json$/.test(name));

describe('a supervisor that is killed', () => {
  it('leaves its plugins answering, and its successor takes them over as they are', async () => {
    const first = await program();
    const before = await mesh.order('start', 'echo');
    await eventually(async () => (await mesh.get('echo')).capabilities.length > 0);
    await mesh.invoke('echo', 'print', { text: 'before\n' });
    await first.kill();
    await mesh.invoke('echo', 'print', { text: 'meanwhile\n' });
    expect(await mesh.invoke('echo', 'text.say', { text: 'still here' })).toEqual({ text: 'still here' });

    const startedAt = Date.now();
    const { supervisor } = await mesh.supervise();
    expect(Date.now() - startedAt).toBeLessThan(3_000);
    // From its first answer on: there is no moment at which it seems to be gone.
    expect(supervisor.answers.get('echo')).toMatchObject({ status: 'running', instances: before.instances });
    await mesh.invoke('echo', 'print', { text: 'after\n' });
    await eventually(async () => (await mesh.messages('echo')).includes('after'));
    const messages = await mesh.messages('echo');
    expect(messages.filter((message) => ['before', 'meanwhile', 'after'].includes(message))).toEqual([
      'before',
      'meanwhile',
      'after',
    ]);
    expect(messages).toContain('adopted by a new supervisor');
    expect(mesh.pids('echo')).toEqual([pidOf(before)]);
  });

  it('has a successor that stops what it has adopted, and all that it has started', async () => {
    const first = await program();
    const before = await mesh.order('start', 'echo');
    const { pid } = await mesh.invoke<{ pid: number }>('echo', 'child');
    await first.kill();
    await mesh.supervise();
    expect(await mesh.order('stop', 'echo')).toMatchObject({ status: 'stopped', instances: [] });
    await eventually(() => !isAlive(pidOf(before)) && !isAlive(pid));
    expect(records()).toEqual([]);
  });

  it('has a successor that notices when what it has adopted crashes', async () => {
    const first = await program();
    const before = await mesh.order('start', 'echo');
    await first.kill();
    await mesh.supervise();
    process.kill(pidOf(before), 'SIGKILL');
    await eventually(async () => {
      const info = await mesh.get('echo');
      return info.status === 'running' && pidOf(info) !== pidOf(before);
    });
    expect(await mesh.messages('echo')).toContainEqual(
      expect.stringMatching(
        /^ended; how is not known, because an earlier supervisor had started it; starting it again/,
      ),
    );
  });

  it('has a successor that goes on with what was under way', async () => {
    mesh.write(manifest('stubborn', 'service.mjs', { env: { SERVICE_IGNORES_TERM: '1' } }));
    const first = await program({ graceMs: 1_500 });
    await eventually(() => mesh.get('stubborn'));
    await mesh.order('start', 'stubborn');
    await mesh.order('stop', 'stubborn', { wait: false });
    await first.kill();
    expect(mesh.pids('stubborn')).toHaveLength(1);
    await mesh.supervise({ graceMs: 1_500 });
    await eventually(() => mesh.pids('stubborn').length === 0);
    const { error } = await eventually(async () => {
      const info = await mesh.get('stubborn');
      return info.status === 'error' && info;
    });
    expect(error).toMatch(/^did not end within 1\.5 s after SIGTERM and was killed/);
  });

  it('that was in the middle of a restart has a successor that completes it', async () => {
    const first = await program();
    const before = await mesh.order('start', 'echo');
    // Frozen, it cannot end before its supervisor does.
    process.kill(pidOf(before), 'SIGSTOP');
    await mesh.order('restart', 'echo', { wait: false });
    await first.kill();
    process.kill(pidOf(before), 'SIGCONT');
    await mesh.supervise();
    await eventually(async () => {
      const info = await mesh.get('echo');
      return info.status === 'running' && pidOf(info) !== pidOf(before);
    });
    expect(mesh.pids('echo')).toHaveLength(1);
  });
});

describe('a successor', () => {
  it('keeps the last words of what ended while nobody watched, and starts it again', async () => {
    const first = await program();
    const before = await mesh.order('start', 'echo');
    const { pid } = await mesh.invoke<{ pid: number }>('echo', 'child');
    await first.kill();
    await mesh.invoke('echo', 'print', { text: 'last words' });
    process.kill(pidOf(before), 'SIGKILL');
    await eventually(() => !isAlive(pidOf(before)));
    await mesh.supervise();
    await eventually(async () => (await mesh.get('echo')).status === 'running');
    const messages = await mesh.messages('echo');
    expect(messages).toContain('last words');
    expect(messages).toContain('it ended while no supervisor watched it; how is not known');
    const { ends } = await mesh.get('echo');
    expect(ends?.[0]?.output?.at(-1)).toBe('last words');
    expect(isAlive(pid)).toBe(false);
    expect(records()).toHaveLength(1);
  });

  it('finds an instance whose record was not completed, or is lost', async () => {
    for (const damage of ['incomplete', 'lost']) {
      const first = await program();
      const before = await mesh.order('start', 'echo');
      await first.kill();
      const [name] = records();
      const record = JSON.parse(readFileSync(run(name!), 'utf8')) as Record<string, unknown>;
      if (damage === 'lost') rmSync(run(name!));
      else writeFileSync(run(name!), JSON.stringify({ ...record, process: undefined, status: 'starting' }));
      const { stop } = await mesh.supervise();
      const info = await eventually(async () => {
        const one = await mesh.get('echo');
        return one.status === 'running' && one;
      });
      expect(pidOf(info)).toBe(pidOf(before));
      expect(info.instances).toHaveLength(1);
      expect(mesh.pids('echo')).toEqual([pidOf(before)]);
      await mesh.order('stop', 'echo');
      await stop();
    }
  });

  it('gives an instance whose configuration is lost that of today', async () => {
    const first = await program();
    const before = await mesh.order('start', 'echo');
    await first.kill();
    const file = run((records()[0] ?? '').replace('.json', '.config.json'));
    rmSync(file);
    await mesh.supervise();
    const given = await eventually(
      () => existsSync(file) && (JSON.parse(readFileSync(file, 'utf8')) as PluginConfig),
    );
    const { config, instances } = await mesh.get('echo');
    expect(given).toMatchObject({ revision: config.revision, limits: config.limits });
    expect(instances).toMatchObject([{ pid: pidOf(before), status: 'running' }]);
  });

  it('believes neither a configuration that a plugin has rewritten nor a process that calls itself a file of ours', async () => {
    for (const [given, ends] of [
      ['{"revision":1}', true],
      ['{"revision":1,"resources":{}}', false],
    ] as const) {
      const first = await program();
      const before = await mesh.order('start', 'echo');
      await first.kill();
      const [name = ''] = records();
      writeFileSync(run(name.replace('.json', '.config.json')), given);
      if (ends) process.kill(pidOf(before), 'SIGKILL');
      writeFileSync(run('credentials.json'), 'secret');
      const env = {
        BKG_HOME: mesh.home,
        BKG_INSTANCE_ID: 'credentials',
        BKG_PLUGIN_ID: 'echo',
        BKG_VERSION: '1.0.0',
      };
      const liar = spawn('sleep', ['600'], {
        stdio: 'ignore',
        detached: true,
        env: { ...process.env, ...env },
      });
      children.push(liar);
      const { stop } = await mesh.supervise();
      const info = await eventually(async () => {
        const one = await mesh.get('echo');
        return one.status === 'running' && one;
      });
      expect(pidOf(info) === pidOf(before)).toBe(!ends);
      expect(info.instances).toHaveLength(1);
      expect(readFileSync(run('credentials.json'), 'utf8')).toBe('secret');
      expect(isAlive(liar.pid!)).toBe(true);
      // Its timer is set, too.
      process.kill(pidOf(info), 'SIGKILL');
      await eventually(async () => pidOf(await mesh.order('start', 'echo')) !== pidOf(info));
      await mesh.order('stop', 'echo');
      await stop();
    }
  });

  it('touches no process that only has the id of one that it looks for', async () => {
    const first = await program();
    const before = await mesh.order('start', 'echo');
    await mesh.order('stop', 'echo');
    await first.kill();
    // A stranger, by its id and start the process of the record, but not by its environment.
    const stranger = spawn('sleep', ['600'], { stdio: 'ignore', detached: true });
    children.push(stranger);
    const instance = before.instances[0]!.instance;
    const at = new Date().toISOString();
    writeFileSync(
      run(`${instance}.json`),
      JSON.stringify({
        instance,
        plugin_id: 'echo',
        version: '1.0.0',
        launched_at: at,
        status: 'stopping',
        since: at,
        start_timeout_ms: 30_000,
        nats_url: mesh.server.url,
        process: { pid: stranger.pid, start: processStart(stranger.pid!) },
      }),
    );
    await mesh.supervise();
    expect(await mesh.order('restart', 'echo')).toMatchObject({ status: 'running' });
    expect(await mesh.order('stop', 'echo')).toMatchObject({ status: 'stopped' });
    expect(isAlive(stranger.pid!)).toBe(true);
  });

  it('replaces an instance that holds on to another broker', async () => {
    const first = await program();
    const before = await mesh.order('start', 'echo');
    await first.kill();
    const [name] = records();
    const record = JSON.parse(readFileSync(run(name!), 'utf8')) as Record<string, unknown>;
    writeFileSync(run(name!), JSON.stringify({ ...record, nats_url: 'nats://127.0.0.1:1' }));
    await mesh.supervise();
    await eventually(async () => {
      const info = await mesh.get('echo');
      return info.status === 'running' && pidOf(info) !== pidOf(before);
    });
  });

  it('that is told to end while it begins does not act, and watches nothing any more', async () => {
    const first = await program();
    const before = await mesh.order('start', 'echo');
    await first.kill();
    const machine = await mesh.machine();
    const adopt = machine.adopt.bind(machine);
    for (const how of ['its signal', 'an order']) {
      const connection = await mesh.server.connect('supervisor');
      const supervisor = createSupervisor({
        connection,
        credentials: mesh.server.credentials,
        natsUrl: mesh.server.url,
        home: mesh.home,
        pluginFolders: [mesh.plugins],
        log: silentLogger,
        timings: quick,
        machine,
      });
      const stop = new AbortController();
      machine.adopt = (spec) => {
        if (how === 'its signal') stop.abort(new Error('enough'));
        else void supervisor.stop();
        return adopt(spec);
      };
      await expect(supervisor.start(stop.signal)).rejects.toThrow(/enough|the supervisor ends/);
    }
    const ends: unknown[] = [];
    mesh.caller.subscribe(subjects.events('status'), { callback: (_, msg) => void ends.push(msg.json()) });
    process.kill(pidOf(before), 'SIGKILL');
    await eventually(() => !isAlive(pidOf(before)));
    await delay(10 * quick.watchEveryMs!);
    expect(ends).toEqual([]);
  });

  it('does what was wanted last, and not what the manifest says', async () => {
    mesh.write(manifest('auto', 'echo.mjs', { autostart: true }));
    const first = await mesh.supervise();
    await mesh.order('start', 'echo');
    await eventually(async () => (await mesh.get('auto')).status === 'running');
    await mesh.order('stop', 'auto');
    await first.stop();
    for (const pid of mesh.pids()) process.kill(pid, 'SIGKILL');
    await mesh.supervise();
    await eventually(async () => (await mesh.get('echo')).status === 'running');
    expect(await mesh.get('auto')).toMatchObject({ status: 'stopped' });
    // What it said of itself when it ran is known without running it.
    expect((await mesh.get('auto')).capabilities.map(({ id }) => id)).toContain('text.say');
  });
});

describe('two supervisors', () => {
  it('of one home: the second does nothing until the first has ended, and then takes over', async () => {
    const first = await program();
    const before = await mesh.order('start', 'echo');
    let acts = false;
    const second = mesh.supervise().then((held) => {
      acts = true;
      return held;
    });
    await delay(700);
    expect(acts).toBe(false);
    expect(await mesh.get('echo')).toMatchObject({ status: 'running' });
    await first.kill();
    await second;
    expect((await mesh.get('echo')).instances[0]?.pid).toBe(pidOf(before));
  });

  it('of one broker: the second waits for the lease', async () => {
    const first = await mesh.supervise();
    const abort = new AbortController();
    const second = mesh.supervise({}, { home: path.join(mesh.folder, 'other'), signal: abort.signal });
    const outcome = second.catch((error: Error) => error.message);
    await delay(500);
    expect(existsSync(path.join(mesh.folder, 'other/run/supervisor.json'))).toBe(true);
    abort.abort(new Error('enough'));
    expect(await outcome).toBe('enough');
    await first.stop();
  });
});

it('a supervisor whose lease another has taken acts no more, and says so', async () => {
  const lost: string[] = [];
  const { supervisor } = await mesh.supervise({ leaseEveryMs: 200 }, { onLost: () => lost.push('lost') });
  const before = await mesh.order('start', 'echo');
  const kv = await new Kvm(mesh.caller.nats).open(buckets.lease);
  const thief = {
    host: 'elsewhere',
    pid: 1,
    process_started: '1',
    epoch: 1,
    renewed_at: new Date().toISOString(),
  };
  await kv.put(leaseKey, JSON.stringify(thief));
  await eventually(() => lost.length === 1);
  process.kill(pidOf(before), 'SIGKILL');
  await delay(400);
  expect(mesh.pids('echo')).toEqual([]);
  expect(supervisor.answers.get('echo').instances[0]?.instance).toBe(before.instances[0]?.instance);
});

describe('a supervisor that ends', () => {
  it('leaves its plugins running and its lease free', async () => {
    const first = await mesh.supervise();
    const before = await mesh.order('start', 'echo');
    const startedAt = Date.now();
    await first.stop();
    expect(Date.now() - startedAt).toBeLessThan(1_000);
    expect(isAlive(pidOf(before))).toBe(true);
    await mesh.supervise();
    expect((await mesh.get('echo')).instances[0]?.pid).toBe(pidOf(before));
  });
});

describe('a shutdown', () => {
  it('ends every plugin, starts none any more, and changes nothing of what is wanted', async () => {
    mesh.write(manifest('auto', 'echo.mjs', { autostart: true }));
    const first = await mesh.supervise();
    await mesh.order('start', 'echo');
    await eventually(async () => (await mesh.get('auto')).status === 'running');
    const slow = mesh.invoke('echo', 'freeze', { ms: 300 });
    await delay(50);
    expect(await mesh.ask('bkg.control.shutdown')).toEqual({ ok: true });
    await slow;
    expect(mesh.pids()).toEqual([]);
    expect(await mesh.get('echo')).toMatchObject({ status: 'stopped', instances: [] });
    expect(await problemOf(mesh.order('start', 'echo'))).toMatchObject({ code: 'PLUGIN_UNAVAILABLE' });
    expect(await mesh.ask('bkg.control.shutdown')).toEqual({ ok: true });
    await first.stop();

    await mesh.supervise();
    for (const id of ['echo', 'auto'])
      await eventually(async () => (await mesh.get(id)).status === 'running');
  });

  it('is over in time although a plugin does not end', async () => {
    mesh.write(manifest('stubborn', 'service.mjs', { autostart: true, env: { SERVICE_IGNORES_TERM: '1' } }));
    await mesh.supervise({ graceMs: 500 });
    await eventually(async () => (await mesh.get('stubborn')).status === 'running');
    const startedAt = Date.now();
    expect(await mesh.ask('bkg.control.shutdown')).toEqual({ ok: true });
    expect(Date.now() - startedAt).toBeLessThan(1_500);
    expect(mesh.pids()).toEqual([]);
  });
});
