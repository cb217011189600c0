import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nuid } from '@nats-io/nats-core';
import { homePaths } from '@bkg/sdk/host';
import { eventually } from '@bkg/sdk/testing';
import { findSurvivors } from '../src/survivors.ts';

const started: ChildProcess[] = [];
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'bkg-survivors-'));
  chmodSync(folder, 0o711);
  const { run, data } = home();
  for (const one of [run, data]) mkdirSync(one, { recursive: true });
});
afterAll(() => {
  for (const one of started) one.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

const home = () => homePaths(path.join(folder, 'home'));

/** One that says that it is an instance of `echo`, of which nothing is recorded. */
async function sleeper(uid: number, program = '/bin/sleep'): Promise<{ pid: number; instance: string }> {
  const instance = nuid.next();
  const env = {
    BKG_HOME: home().home,
    BKG_INSTANCE_ID: instance,
    BKG_PLUGIN_ID: 'echo',
    BKG_VERSION: '1.0.0',
  };
  const one = spawn(program, ['60'], { uid, gid: uid, detached: true, stdio: 'ignore', env });
  started.push(one);
  await once(one, 'spawn');
  return { pid: one.pid ?? 0, instance };
}

const found = (): string[] => {
  const { running, strays } = findSurvivors(home(), '');
  return [...running, ...strays].map(({ instance }) => instance);
};

describe.runIf(process.getuid?.() === 0)('who only says that it is an instance', () => {
  it('is none when it is another user than its plugin', async () => {
    const ours = await sleeper(0);
    await sleeper(50_001);
    expect(found()).toEqual([ours.instance]);
  });

  it('is none either while it runs a set-user-id program, which root may see as its own', async () => {
    const before = found();
    const borrowed = path.join(folder, 'borrowed');
    copyFileSync('/bin/sleep', borrowed);
    chmodSync(borrowed, 0o4755);
    const { pid } = await sleeper(50_001, borrowed);
    await eventually(() => statSync(`/proc/${pid}`).uid === 0);
    expect(found()).toEqual(before);
  });
});
