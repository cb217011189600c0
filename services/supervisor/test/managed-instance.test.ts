import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { configDefaults } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import type { Ending, Verdict } from '../src/verdict.ts';
import { managed } from './managed-kit.ts';

const runFolder = mkdtempSync(path.join(tmpdir(), 'bkg-managed-'));
afterAll(() => rmSync(runFolder, { recursive: true }));

it('is killed before anything is done about its output', () => {
  const done: string[] = [];
  const one = managed({
    instance: 'flood',
    runFolder,
    process: { kill: () => done.push('signal') > 0 },
    confinement: { kill: () => done.push('signal to the rest') > 0 },
    capture: { pump: () => done.push('output') < 0, note: (_, message) => void done.push(message) },
  });
  one.kill('not ready');
  expect(done).toEqual([
    'signal',
    'signal to the rest',
    'output',
    'killing it: it did not become ready in time',
  ]);
});

it.each([
  ['own', 'wanted more than its 1024 MB (max_memory_mb) and was killed by the system'],
  ['machine', 'was killed by the system, whose memory was full'],
] as const)('says who had too little memory when the system killed it: %s', async (oomKill, text) => {
  const { promise, resolve } = Promise.withResolvers<Verdict>();
  const ended = Promise.resolve<Ending>({ how: 'signal', signal: 'SIGKILL' });
  const onEnd = (_: unknown, verdict: Verdict): string => {
    resolve(verdict);
    return '';
  };
  managed({ instance: oomKill, runFolder, process: { ended }, confinement: { oomKill }, onEnd });
  expect(await promise).toMatchObject({ text, verdict: 'out_of_memory' });
});

it('has an end although its output cannot be read', async () => {
  const { promise, resolve } = Promise.withResolvers<Verdict>();
  const fails = (): never => {
    throw new Error('EIO');
  };
  managed({
    instance: 'unreadable',
    runFolder,
    process: { ended: Promise.resolve<Ending>({ how: 'signal', signal: 'SIGABRT' }) },
    capture: { tail: fails, finish: async () => fails() },
    onEnd: (_, verdict) => {
      resolve(verdict);
      return '';
    },
  });
  expect(await promise).toMatchObject({ text: 'ended by SIGABRT', verdict: 'crashed' });
});

describe('output that cannot be read', () => {
  const pump = (): never => {
    throw new Error('EIO');
  };

  it('keeps nobody from noting what becomes of the instance, or from leaving it', () => {
    const done: string[] = [];
    const one = managed({
      instance: 'unread',
      runFolder,
      capture: { pump, note: (_, message) => void done.push(message), close: () => void done.push('closed') },
    });
    one.drain('it was ordered to stop');
    one.letGo();
    expect(done).toEqual(['stopping: it was ordered to stop', 'closed']);
  });

  it('leaves nothing open at its end, whatever fails then', async () => {
    const { promise, resolve } = Promise.withResolvers<Ending>();
    const done: string[] = [];
    const fails = (what: string) => (): never => {
      done.push(what);
      throw new Error(what);
    };
    const one = managed({
      instance: 'failing-end',
      runFolder,
      process: { ended: promise },
      confinement: { release: fails('released') },
      capture: { pump, note: fails('noted'), close: fails('closed') },
    });
    one.start();
    const record = path.join(runFolder, 'failing-end.json');
    expect(existsSync(record)).toBe(true);
    resolve({ how: 'exit', code: 0 });
    await eventually(() => !existsSync(record));
    expect(done).toEqual(['noted', 'closed', 'released']);
  });
});

it('has nothing in `run/` any more after its end, whatever is learned of it then', async () => {
  const folder = path.join(runFolder, 'late');
  mkdirSync(folder);
  const one = managed({
    instance: 'late',
    runFolder: folder,
    process: { ended: Promise.resolve<Ending>({ how: 'exit', code: 1 }) },
  });
  one.start();
  await eventually(() => readdirSync(folder).length === 0);
  one.passTrial();
  one.configured({ id: 'p', ...configDefaults, env: { API_TOKEN: 'secret' } });
  one.reject('failed its self-test');
  expect(readdirSync(folder)).toEqual([]);
});

it('writes down its configuration for nobody else', () => {
  const folder = path.join(runFolder, 'configured');
  mkdirSync(folder);
  const one = managed({ instance: 'i', runFolder: folder });
  one.configured({ id: 'p', ...configDefaults, env: { API_TOKEN: 'secret' } });
  expect(statSync(path.join(folder, 'i.config.json')).mode & 0o777).toBe(0o600);
});

it('is let go once', () => {
  let times = 0;
  const one = managed({ instance: 'let-go', runFolder, process: { letGo: () => void (times += 1) } });
  one.letGo();
  one.letGo();
  expect(times).toBe(1);
});
