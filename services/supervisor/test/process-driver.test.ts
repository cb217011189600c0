import { readdirSync } from 'node:fs';
import type * as Fs from 'node:fs';
import { tmpdir } from 'node:os';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { createToken } from '@bkg/sdk';
import { processStart } from '@bkg/sdk/host';
import { eventually } from '@bkg/sdk/testing';
import { killSession, launchProcess } from '../src/process-driver.ts';
import { environmentOf, listProcesses, lookAtProcesses } from '../src/process-table.ts';
import type { ProcessRow } from '../src/process-table.ts';

vi.mock('node:fs', async (original) => {
  const fs = await original<typeof Fs>();
  return { ...fs, readdirSync: vi.fn(fs.readdirSync) };
});

const start = (program: string, folder: string) =>
  launchProcess({
    instance: 'i',
    program,
    command: program,
    args: [],
    folder,
    env: { PATH: '/usr/bin:/bin' },
    output: { out: 2, err: 2 },
  });

it('says of what is not there, or cannot be run, that there is no such program', async () => {
  for (const program of ['no-such-program', '/etc/passwd'])
    expect(await start(program, tmpdir()).ended).toEqual({
      how: 'not started',
      error: `there is no program ${program} that can be run`,
    });
});

it('passes on how the system calls what keeps a process from being started', async () => {
  expect(await start('/bin/true', '/no-such-folder').ended).toMatchObject({
    how: 'not started',
    code: 'ENOENT',
  });
});

describe.runIf(process.platform === 'linux')('what an instance leaves', () => {
  const run = (instance: string, script: string) =>
    launchProcess({
      instance,
      program: '/bin/sh',
      command: '/bin/sh',
      args: ['-c', script],
      folder: tmpdir(),
      env: { PATH: '/usr/bin:/bin', BKG_INSTANCE_ID: instance },
      output: { out: 2, err: 2 },
    });
  const isThere = ({ pid }: ProcessRow) => listProcesses().some((row) => row.pid === pid);
  const carriersOf = (instance: string) =>
    listProcesses().filter(({ pid }) => environmentOf(pid)?.get('BKG_INSTANCE_ID') === instance);

  it('is killed after its end, in its session and beside it', async () => {
    const instance = createToken();
    const one = run(instance, 'sleep 60 & setsid sleep 61 & while :; do sleep 0.05; done');
    const left = await eventually(() => {
      const all = carriersOf(instance).filter(({ pid }) => pid !== one.identity!.pid);
      return new Set(all.map(({ session }) => session)).size === 2 && all;
    });
    process.kill(one.identity!.pid, 'SIGKILL');
    expect(await one.ended).toEqual({ how: 'signal', signal: 'SIGKILL' });
    await eventually(() => !left.some(isThere));
  });

  it('is not the session of a stranger who was given its number meanwhile', async () => {
    const stranger = run(createToken(), 'sleep 60');
    const { pid, start } = stranger.identity!;
    for (const leaderIsOurs of [true, false])
      expect(killSession(pid, 'ended', { leaderIsOurs, endedStart: 'earlier' })).toBe(false);
    expect(processStart(pid)).toBe(start);
    stranger.kill();
    expect(await stranger.ended).toEqual({ how: 'signal', signal: 'SIGKILL' });
  });

  it('is looked for once for all that end at the same time', async () => {
    const count = 30;
    const all = Array.from({ length: count }, () => run(createToken(), 'exec sleep 60'));
    const looks = () => vi.mocked(readdirSync).mock.calls.filter(([folder]) => folder === '/proc').length;
    const before = looks();
    for (const one of all) expect(one.kill()).toBe(true);
    // All ends are there before the first is heard of.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
    await Promise.all(all.map(({ ended }) => ended));
    expect(looks() - before).toBeLessThan(6);
  });

  it('keeps no end from being known when there is no file left to look with', async () => {
    const one = run(createToken(), 'exec sleep 60');
    const other = run(createToken(), 'exec sleep 60');
    const withoutFiles = (): never => {
      throw Object.assign(new Error('too many open files'), { code: 'EMFILE' });
    };
    await nextTurn();
    vi.mocked(readdirSync).mockImplementationOnce(withoutFiles);
    expect(one.kill()).toBe(true);
    expect(await one.ended).toEqual({ how: 'signal', signal: 'SIGKILL' });
    vi.mocked(readdirSync).mockImplementationOnce(withoutFiles);
    process.kill(other.identity!.pid, 'SIGTERM');
    expect(await other.ended).toEqual({ how: 'signal', signal: 'SIGTERM' });
    vi.mocked(readdirSync).mockReset();
  });

  it('is found by another look in the next turn', async () => {
    const look = lookAtProcesses();
    expect(lookAtProcesses()).toBe(look);
    await nextTurn();
    expect(lookAtProcesses()).not.toBe(look);
  });
});
