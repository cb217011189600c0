import { spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestContext } from 'vitest';
import type { Isolation } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import { ownCgroupPlaces } from '../src/isolation/cgroup-places.ts';
import { IsolationKit } from './isolation-kit.ts';

let kit: IsolationKit;
let means: Isolation;

beforeAll(async () => {
  kit = await IsolationKit.create();
  means = kit.machine.isolationOf('off', 'one');
});
afterAll(() => kit[Symbol.asyncDispose]());

/** Skips a test on a machine that cannot do what it is about, and says why. */
function need(context: TestContext, ...limits: (keyof Isolation)[]): void {
  const lacking = limits.map((limit) => means[limit]).find(({ strength }) => strength !== 'enforced');
  if (lacking) context.skip(lacking.note);
}

const wait = 'setInterval(() => {}, 1000);';
const takeMemory = `const held = []; setInterval(() => held.push(Buffer.alloc(8 << 20, 1)), 10);`;

describe('memory', () => {
  it('is the end of who takes more than it may, and the end is counted', async (context) => {
    need(context, 'memory');
    const { confinement, process } = kit.start(takeMemory, { resources: { max_memory_mb: 100 } });
    expect(confinement.oomKill).toBeUndefined();
    expect(await process.ended).toEqual({ how: 'signal', signal: 'SIGKILL' });
    expect(confinement.oomKill).toBe('own');
  });

  it('counts with all that an instance starts, of which nothing remains when one is killed for it', async (context) => {
    need(context, 'memory');
    const spawnIt = `require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(takeMemory)}]); ${wait}`;
    const { confinement, pid, process, instance } = kit.start(spawnIt, { resources: { max_memory_mb: 150 } });
    // The one that has started it may be killed itself: the kernel chooses.
    const told = new Promise((resolve) => confinement.watch(pid, (what) => resolve(what)));
    expect(await Promise.race([told, process.ended.then(() => 'memory')])).toBe('memory');
    confinement.kill();
    await process.ended;
    expect(confinement.oomKill).toBe('own');
    await eventually(() => kit.carriers(instance).length === 0);
  });

  it('is measured for all processes together, and so is the time of those that have ended', async (context) => {
    need(context, 'memory', 'cpu');
    const child = `globalThis.held = Buffer.alloc(150 << 20, 1); const until = Date.now() + 300; while (Date.now() < until);`;
    const code = `
      const { spawnSync } = require('node:child_process');
      spawnSync(process.execPath, ['-e', ${JSON.stringify(child)}]);
      globalThis.held = Buffer.alloc(120 << 20, 1); console.log('ready'); ${wait}`;
    const { confinement, output } = kit.start(code);
    await eventually(() => output().includes('ready'));
    const usage = confinement.usage();
    expect(usage?.cpuMs).toBeGreaterThan(250);
    expect(usage!.memoryBytes / 2 ** 20).toBeGreaterThan(120);
    expect(usage!.memoryBytes / 2 ** 20).toBeLessThan(250);
  });
});

describe('CPU time', () => {
  it('is not more than it may be, also when that is changed while it runs', async (context) => {
    need(context, 'cpu', 'memory');
    const { confinement, spec } = kit.start('for (;;);', { resources: { max_cpu_percent: 20 } });
    await eventually(() => confinement.usage()!.cpuMs > 100);
    const share = await shareWithin(confinement, 1_500);
    // How little it is depends on who else is there.
    expect(share).toBeLessThan(0.3);
    expect(share).toBeGreaterThan(0.02);
    expect(confinement.limit({ ...spec.config.resources, max_cpu_percent: 5 })).toBe(true);
    expect(await shareWithin(confinement, 1_500)).toBeLessThan(0.12);
  });
});

async function shareWithin(
  confinement: { usage: () => { cpuMs: number } | undefined },
  ms: number,
): Promise<number> {
  const [from, before] = [performance.now(), confinement.usage()!.cpuMs];
  await eventually(() => performance.now() - from > ms);
  return (confinement.usage()!.cpuMs - before) / (performance.now() - from);
}

describe('processes', () => {
  it('are refused when there are as many as there may be, and a fork bomb is ended whole', async (context) => {
    need(context, 'processes');
    // Each of the shells ends when it is refused one more; what it has started lives for a while.
    const code = `
      const { spawn } = require('node:child_process');
      const more = () => spawn('/bin/sh', ['-c', 'while :; do (sleep 1; sleep 1) & done'], { detached: true, stdio: 'ignore' });
      setInterval(() => more().on('error', () => console.log('refused')), 10);`;
    const { confinement, instance, process, output } = kit.start(code, { resources: { max_processes: 60 } });
    await eventually(() => output().includes('refused') && kit.carriers(instance).length >= 20);
    expect(kit.carriers(instance).length).toBeLessThanOrEqual(60);
    expect(confinement.kill()).toBe(true);
    await process.ended;
    confinement.kill();
    await eventually(() => kit.carriers(instance).length === 0);
    confinement.release();
    await eventually(() => !kit.machine.leftovers().includes(instance));
    expect(confinement.kill()).toBe(false);
  });

  it('are killed also when they have left the session and dropped their environment', async (context) => {
    need(context, 'processes');
    const { confinement, output, process } = kit.run([
      '/bin/sh',
      '-c',
      'setsid env -i /bin/sh -c "echo pid \\$\\$; exec sleep 600" & sleep 600',
    ]);
    const pid = await eventually(() => Number(/pid (\d+)/.exec(output())?.[1]) || undefined);
    expect(existsSync(`/proc/${pid}`)).toBe(true);
    expect(confinement.kill()).toBe(true);
    await process.ended;
    await eventually(() => !existsSync(`/proc/${pid}`));
  });

  it('may be more or fewer while it runs', async (context) => {
    need(context, 'processes');
    const code = `
      const { spawn } = require('node:child_process');
      setInterval(() => spawn('/bin/sleep', ['600']).on('error', () => console.log('refused')), 20);`;
    const { confinement, spec, output, instance } = kit.start(code, { resources: { max_processes: 40 } });
    await eventually(() => output().includes('refused'));
    const before = kit.carriers(instance).length;
    expect(confinement.limit({ ...spec.config.resources, max_processes: 60 })).toBe(true);
    await eventually(() => kit.carriers(instance).length > before + 10);
  });
});

describe('an instance', () => {
  it('is not given less memory than it has, which takes a new one', async (context) => {
    need(context, 'memory');
    const { confinement, spec, output } = kit.start(
      `globalThis.held = Buffer.alloc(200 << 20, 1); console.log('ready'); ${wait}`,
    );
    await eventually(() => output().includes('ready'));
    expect(confinement.limit({ ...spec.config.resources, max_memory_mb: 100 })).toBe(false);
    expect(confinement.limit({ ...spec.config.resources, max_memory_mb: 400 })).toBe(true);
    expect(confinement.oomKill).toBeUndefined();
  });

  it('is not started when it cannot be put into its place', async (context) => {
    need(context, 'memory');
    const { spec } = kit.start(wait);
    const confinement = kit.machine.confine({ ...spec, instance: 'gone' });
    const { command, args } = confinement.wrap('/bin/echo', ['started']);
    confinement.release();
    await eventually(() => !kit.machine.leftovers().includes('gone'));
    const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
    expect({ status, stdout }).toEqual({ status: 126, stdout: '' });
    expect(stderr).toMatch(/it cannot be put into its cgroup: \/.*\/gone\/cgroup\.procs/);
  });

  it('keeps its pid in all that it becomes, and gets its arguments as they are', async () => {
    const code = `console.log(JSON.stringify([process.pid, process.argv.slice(1)])); ${wait}`;
    const args = ['a b', "it's", '$HOME', '--', '', '*'];
    const { pid, output } = kit.run([process.execPath, '-e', code, '--', ...args]);
    const said = await eventually(() => output().includes('\n') && output());
    expect(JSON.parse(said)).toEqual([pid, args]);
  });

  it('is found again by the next supervisor, with its limits and what they have done', async (context) => {
    need(context, 'memory', 'processes');
    const { instance, pid, process } = kit.start(wait, { resources: { max_memory_mb: 300 } });
    const next = await kit.probe();
    expect(next.leftovers()).toContain(instance);
    const adopted = next.adopt({ instance, pluginId: 'one', config: undefined });
    expect(adopted.usage()).toBeDefined();
    expect(adopted.oomKill).toBeUndefined();
    expect(existsSync(`/proc/${pid}`)).toBe(true);
    expect(adopted.kill()).toBe(true);
    await process.ended;
    adopted.release();
    await eventually(() => !next.leftovers().includes(instance));
  });

  it('that has no cgroups is adopted all the same', () => {
    const adopted = kit.machine.adopt({ instance: 'none', pluginId: 'one', config: undefined });
    expect([adopted.kill(), adopted.oomKill, adopted.usage()]).toEqual([false, undefined, undefined]);
    adopted.watch(1, () => undefined);
    adopted.release();
  });
});

const isRoot = process.getuid?.() === 0;
const nobody = 65534;

/**
 * What a supervisor without root finds, which can launch something then.
 * @param joining files of the cgroups that it runs in
 */
function foundByNobody(joining: string[] = []): Isolation {
  const built = path.join(import.meta.dirname, '../dist/isolation/machine.js');
  const code = `
    import { mkdirSync } from 'node:fs';
    import { configDefaults, createLogger } from '@bkg/sdk';
    import { homePaths } from '@bkg/sdk/host';
    import { probeMachine } from ${JSON.stringify(built)};
    const home = homePaths(process.argv[1]);
    for (const one of [home.home, home.run, home.data]) mkdirSync(one);
    const log = createLogger({}, { level: 'fatal' });
    const machine = await probeMachine({ home, node: process.execPath, log, signal: new AbortController().signal });
    console.log(JSON.stringify(machine.isolationOf('off', 'one')));
    const folder = home.data;
    const spec = { instance: 'i1', pluginId: 'one', folder, dataDir: folder, shownFiles: [], ownFiles: [], readable: [] };
    machine.confine({ ...spec, servers: '127.0.0.1:4222', config: configDefaults }).release();`;
  const folder = `/tmp/bkg-nobody-${process.pid}`;
  const join = joining.map((file) => `echo $$ > ${file} && `).join('');
  const asNobody = [`--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups'];
  const program = ['setpriv', ...asNobody, process.execPath, '--input-type=module', '-e', code, folder];
  const { stdout, stderr } = spawnSync('/bin/sh', ['-c', `${join}exec "$@"`, 'sh', ...program], {
    encoding: 'utf8',
    cwd: path.join(import.meta.dirname, '..'),
  });
  spawnSync('rm', ['-r', folder]);
  expect(stderr).toBe('');
  return JSON.parse(stdout) as Isolation;
}

describe('a machine', () => {
  it('is tried within a second or so, and nothing of the trials is left', async () => {
    const from = performance.now();
    const machine = await kit.probe();
    expect(performance.now() - from).toBeLessThan(5_000);
    expect(machine.leftovers().filter((name) => name.startsWith('trial'))).toEqual([]);
  });

  it('stops trying when it is told to', async () => {
    const { probeMachine } = await import('../src/isolation/machine.ts');
    const { silentLogger } = await import('@bkg/sdk/testing');
    const reason = new Error('it ends');
    const options = { home: kit.home, node: process.execPath, log: silentLogger };
    await expect(probeMachine({ ...options, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  it('is of some use to who is not root', (context) => {
    if (!isRoot) return context.skip('this is not root, so the other tests show it');
    const found = foundByNobody();
    expect(found.user).toMatchObject({ strength: 'none', by: 'none' });
    expect(found.user.note).toContain('only root');
    expect(found.memory.strength).toMatch(/late|enforced/);
  });

  it('loses no limit to another whose cgroups cannot be made', (context) => {
    const { memory, cpu } = ownCgroupPlaces().v1;
    if (!isRoot || !memory || !cpu || memory.mount === cpu.mount)
      return context.skip('this takes root and two hierarchies of cgroups v1');
    const given = path.join(memory.mount, `bkg-given-${process.pid}`);
    mkdirSync(given);
    try {
      chownSync(given, nobody, nobody);
      const found = foundByNobody([path.join(given, 'cgroup.procs')]);
      expect(found.memory).toMatchObject({ strength: 'enforced', by: 'cgroup-v1' });
      expect(found.cpu.by).not.toContain('cgroup');
      expect(found.cpu.note).toContain('EACCES');
    } finally {
      rmdirSync(given);
    }
  });

  it('says what it can do in whole sentences', () => {
    for (const { note } of Object.values(means)) expect(note).toMatch(/^[A-Z].*[^.]\.$/);
    expect(readFileSync('/proc/self/cgroup', 'utf8')).not.toContain('/bkg/');
  });
});
