import { execFileSync } from 'node:child_process';
import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLogger, subjects } from '@bkg/sdk';
import type { BkgError, PluginConfig, Problem } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import { watchDisk } from '../src/disk-watch.ts';
import { leftoversOf } from './leftovers.ts';
import { manifest, problemOf } from './mesh.ts';
import type { Mesh } from './mesh.ts';
import { mortalMesh, SupervisorProgram } from './mortal-mesh.ts';

const mebibyte = 1024 * 1024;
/** Long enough that a disk is full again before what has died is started again. */
const timings = { diskEveryMs: 50, restartFirstMs: 400, restartMostMs: 400 };
const isRoot = process.getuid?.() === 0;

let mesh: Mesh;
let supervisor: SupervisorProgram;

/** Leaves so much room on the disk of the home. */
function leave(freeBytes: number): void {
  const { blocks, bfree, bsize } = statfsSync(mesh.home);
  execFileSync('mount', ['-o', `remount,size=${(blocks - bfree) * bsize + freeBytes}`, mesh.home]);
}

const configure = ({ id, revision }: PluginConfig): Promise<PluginConfig> =>
  mesh.ask(subjects.control('configure', id), { revision, settings: { wanted: revision + 1 } });

/** Configures a plugin until the disk takes no more. @returns what was acknowledged last, and why no more is */
async function configureUntilRefused(id: string): Promise<{ acknowledged: PluginConfig; problem: Problem }> {
  for (let acknowledged = (await mesh.get(id)).config; ;) {
    try {
      acknowledged = await configure(acknowledged);
    } catch (error) {
      return { acknowledged, problem: (error as BkgError).problem };
    }
  }
}

const runs = (id: string) =>
  eventually(
    async () => {
      const { status, instances } = await mesh.get(id);
      return status === 'running' && instances[0];
    },
    { withinMs: 20_000 },
  );

// Only root can mount a file system of a size of its own.
describe.skipIf(!isRoot)('when the disk of the home', { timeout: 60_000 }, () => {
  beforeAll(async () => {
    const manifests = ['echo', 'other', 'dies', 'idle'].map((id) => manifest(id, 'echo.mjs'));
    mesh = await mortalMesh(manifests, (home) =>
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1g,mode=711', 'tmpfs', home]),
    );
    supervisor = await SupervisorProgram.start(mesh, { timings });
    await Promise.all(['echo', 'dies'].map((id) => mesh.order('start', id)));
  });
  afterAll(async () => {
    await supervisor.kill();
    for (const pid of mesh.pids()) process.kill(pid, 'SIGKILL');
    await eventually(() => mesh.pids().length === 0);
    await mesh.server.kill();
    execFileSync('umount', ['--lazy', mesh.home]);
    await mesh[Symbol.asyncDispose]();
  });

  it('is nearly full, that is said once, and once more when there is room again', async () => {
    const said: string[] = [];
    const log = createLogger({}, { destination: { write: (line: string) => void said.push(line) } });
    const end = new AbortController();
    const { signal } = end;
    leave(9 * mebibyte);
    const watch = watchDisk({ folder: mesh.home, log, leastBytes: 8 * mebibyte, everyMs: 10, signal });
    leave(7 * mebibyte);
    await eventually(() => said.length === 1);
    // Between the two bounds: room comes and goes by a few bytes all the time.
    leave(9 * mebibyte);
    leave(7 * mebibyte);
    leave(20 * mebibyte);
    await eventually(() => said.length === 2);
    end.abort();
    await watch;
    expect(said[0]).toMatch(
      /"warn".*[67] MB are free on the disk of .*: orders are refused and logs are .* Make room\./,
    );
    expect(said[1]).toMatch(/"info".* MB are free on the disk of .* again/);
  });

  let acknowledged: PluginConfig;

  it('is full, orders are refused with what is wrong and what to do, and what runs goes on', async () => {
    process.kill((await runs('dies')).pid!, 'SIGKILL');
    await eventually(async () => (await mesh.get('dies')).status === 'error', { everyMs: 5 });
    leave(0);
    const refused = await configureUntilRefused('idle');
    ({ acknowledged } = refused);
    expect(refused.problem).toMatchObject({
      code: 'PLUGIN_UNAVAILABLE',
      detail: expect.stringMatching(/disk of the broker is full.*nothing was changed; make room/),
    });
    expect(await problemOf(mesh.order('start', 'other'))).toMatchObject({
      detail: expect.stringMatching(/disk of the broker is full|no space left/),
    });
    await mesh.invoke('echo', 'log', { message: `meanwhile ${'x'.repeat(20_000)}` });
    expect(await mesh.invoke('echo', 'text.say', { text: 'still here' })).toEqual({ text: 'still here' });
    // What has died cannot be started again, and is not given up for that.
    const dies = await mesh.notLaunched('dies', /no space left/);
    expect(dies).toMatchObject({ status: 'error', error: expect.stringMatching(/no space left/) });
    // All these tries leave room for what it has ended of before.
    expect(dies.ends?.map(({ verdict }) => verdict)).toEqual(['not_started', 'crashed']);
    expect(supervisor.child.exitCode).toBe(null);
  });

  it('has room again, everything works again by itself', async () => {
    leave(1024 * mebibyte);
    expect((await configure(acknowledged)).revision).toBe(acknowledged.revision + 1);
    await runs('dies');
    await mesh.order('start', 'other');
    await mesh.invoke('echo', 'log', { message: 'after' });
    await eventually(async () => (await mesh.messages('echo')).includes('after'));
    const words = (await mesh.messages('echo')).map((message) => message.slice(0, 9));
    expect(words.filter((word) => word === 'meanwhile')).toHaveLength(1);
    for (const said of [
      /are free on the disk/,
      /a plugin cannot be launched/,
      /what failed cannot be written/,
    ])
      expect(supervisor.count(said), String(said)).toBeLessThan(3);
  });

  it('was full when supervisor and broker were killed, nothing is lost that was acknowledged', async () => {
    const before = (await runs('echo')).pid;
    leave(0);
    const { acknowledged: last } = await configureUntilRefused('idle');
    await supervisor.kill();
    await mesh.server.restart();
    await eventually(() => mesh.caller.connected);
    leave(1024 * mebibyte);
    supervisor = await SupervisorProgram.start(mesh, { timings });
    await eventually(async () => (await mesh.get('idle')).config.revision > 1);
    expect((await mesh.get('idle')).config).toEqual(last);
    expect((await runs('echo')).pid).toBe(before);
    await eventually(async () => (await leftoversOf(mesh)).length === 0);
  });

  it('takes nothing in run/ any more, that is said, what runs goes on, and nothing is given up', async () => {
    const run = path.join(mesh.home, 'run');
    const { pid } = await runs('echo');
    execFileSync('mount', ['--bind', run, run]);
    try {
      execFileSync('mount', ['-o', 'remount,bind,ro', run]);
      process.kill((await runs('dies')).pid!, 'SIGKILL');
      const dies = await mesh.notLaunched('dies', /read-only/);
      expect(dies.error).toMatch(/could not be launched \(EROFS: read-only file system/);
      expect(await mesh.invoke('echo', 'text.say', { text: 'x' })).toEqual({ text: 'x' });
      expect(supervisor.child.exitCode).toBe(null);
    } finally {
      execFileSync('umount', [run]);
    }
    await runs('dies');
    expect((await runs('echo')).pid).toBe(pid);
    expect(mesh.pids('dies')).toHaveLength(1);
  });

  it('has lost run/ or takes no log of a plugin, that is said, and mended as far as it can be', async () => {
    const { pid } = await runs('echo');
    rmSync(path.join(mesh.home, 'run'), { recursive: true });
    const logs = path.join(mesh.home, 'logs/idle');
    writeFileSync(logs, 'no folder');
    const problem = await problemOf(mesh.order('start', 'idle'));
    expect(problem.detail).toMatch(/idle could not be launched \(E[A-Z]+: .*logs\/idle/);
    rmSync(logs);
    await mesh.order('start', 'idle');
    expect(await mesh.invoke('echo', 'text.say', { text: 'x' })).toEqual({ text: 'x' });
    await mesh.order('restart', 'other');
    // What lost its record on the way is found by its environment.
    await supervisor.kill();
    supervisor = await SupervisorProgram.start(mesh, { timings });
    expect((await runs('echo')).pid).toBe(pid);
    await runs('other');
    for (const id of ['echo', 'other', 'dies', 'idle']) expect(mesh.pids(id)).toHaveLength(1);
  });
});
