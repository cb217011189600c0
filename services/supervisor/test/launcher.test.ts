import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { nuid } from '@nats-io/nats-core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Connection, LogRecord } from '@bkg/sdk';
import { homePaths, processStart } from '@bkg/sdk/host';
import type { HomePaths } from '@bkg/sdk/host';
import { silentLogger } from '@bkg/sdk/testing';
import { instanceFiles, writeRecord } from '../src/instance-record.ts';
import type { InstanceFiles } from '../src/instance-record.ts';
import type { Confinement } from '../src/isolation/confinement.ts';
import type { Machine } from '../src/isolation/machine.ts';
import { Launcher } from '../src/launcher.ts';
import { keptInstances } from '../src/logs/log-file.ts';
import { Plugins } from '../src/plugins.ts';
import { defaultTimings } from '../src/timings.ts';

let home: HomePaths;
let plugins: Plugins;
const processes: ChildProcess[] = [];

beforeEach(() => {
  home = homePaths(mkdtempSync(path.join(tmpdir(), 'bkg-launcher-')));
  for (const folder of [home.run, home.logs, home.data]) mkdirSync(folder);
  plugins = new Plugins();
});
afterEach(() => {
  for (const one of adopted()) one.letGo();
  for (const child of processes.splice(0)) child.kill('SIGKILL');
  rmSync(home.home, { recursive: true });
});

/** What an earlier supervisor has left of an instance. */
function left(isRunning: boolean): { instance: string; files: InstanceFiles; child?: ChildProcess } {
  const instance = nuid.next();
  const files = instanceFiles(home.run, instance);
  const at = new Date().toISOString();
  const child = isRunning ? sleeping(instance) : undefined;
  writeRecord(files.record, {
    instance,
    plugin_id: 'p',
    version: '1.0.0',
    launched_at: at,
    status: 'running',
    since: at,
    start_timeout_ms: 1_000,
    nats_url: 'nats://here',
    ...(child?.pid && { process: { pid: child.pid, start: processStart(child.pid) ?? '' } }),
  });
  writeFileSync(files.out, 'last words\n');
  return { instance, files, ...(child && { child }) };
}

function sleeping(instance: string): ChildProcess {
  const env = {
    BKG_HOME: home.home,
    BKG_INSTANCE_ID: instance,
    BKG_PLUGIN_ID: 'p',
    BKG_VERSION: '1.0.0',
    PATH: process.env['PATH'],
  };
  const child = spawn('sleep', ['600'], { env, detached: true, stdio: 'ignore' });
  processes.push(child);
  return child;
}

const nowhere: Confinement = {
  wrap: (command, args) => ({ command, args: [...args] }),
  watch: () => undefined,
  oomKill: undefined,
  limit: () => true,
  usage: () => undefined,
  kill: () => false,
  letGo: () => undefined,
  release: () => undefined,
};

/** Takes over what is left, as a supervisor that starts. */
async function adopt(confine: Machine['adopt'] = () => nowhere): Promise<void> {
  const machine = { adopt: confine, leftovers: () => [] as string[] } as unknown as Machine;
  const launcher = new Launcher({
    home,
    connection: { publish: () => true } as unknown as Connection,
    credentials: { user: 'supervisor', password: 'p' },
    natsUrl: 'nats://here',
    node: process.execPath,
    machine: () => machine,
    heartbeatMs: () => 1_000,
    timings: defaultTimings,
    log: silentLogger,
    onChange: () => undefined,
    keepOutput: async () => undefined,
    onEnd: () => '',
  });
  await launcher.adopt((id) => plugins.ensure(id));
}

const adopted = () => plugins.all().flatMap(({ managed }) => [...managed.values()]);
const logFile = (instance: string): string => path.join(home.logs, 'p', `${instance}.log`);
const messages = (instance: string): string[] =>
  readFileSync(logFile(instance), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => (JSON.parse(line) as LogRecord).message);

it('an instance whose end cannot be noted is left to a successor, with all that it has printed', async () => {
  const { instance, files } = left(false);
  const inTheWay = path.join(home.logs, 'p');
  writeFileSync(inTheWay, '');
  await adopt();
  expect(readdirSync(home.run).toSorted()).toEqual([`${instance}.json`, `${instance}.out`]);
  rmSync(inTheWay);
  await adopt();
  expect(messages(instance)).toEqual([
    'last words',
    'it ended while no supervisor watched it; how is not known',
  ]);
  expect(existsSync(files.record)).toBe(false);
  expect(readdirSync(home.run)).toEqual([]);
});

it.runIf(process.platform === 'linux')(
  'what one has printed last stays where it is while the disk takes nothing',
  async () => {
    const { instance, files } = left(false);
    mkdirSync(path.join(home.logs, 'p'));
    symlinkSync('/dev/full', logFile(instance));
    await adopt();
    expect(readFileSync(files.out, 'utf8')).toBe('last words\n');
    rmSync(logFile(instance));
    await adopt();
    expect(messages(instance)).toContain('last words');
    expect(readdirSync(home.run)).toEqual([]);
  },
);

describe('an instance that runs', () => {
  it('is taken over although its log cannot be opened, which is tried again', async () => {
    const { instance } = left(true);
    // In the place of its folder.
    writeFileSync(path.join(home.logs, 'p'), '');
    await adopt();
    const [one] = adopted();
    expect(one?.id).toBe(instance);
    expect(() => one?.pump()).toThrow();
    rmSync(path.join(home.logs, 'p'));
    one?.pump();
    expect(messages(instance)).toEqual(['last words']);
    one?.note('info', 'heard again');
    expect(messages(instance)).toEqual(['last words', 'heard again']);
  });

  it('is taken over although it has put something else in the place of our files', async () => {
    const { instance, files } = left(true);
    execFileSync('mkfifo', [files.config]);
    execFileSync('mkfifo', [files.read]);
    await adopt();
    expect(messages(instance)).toContain('last words');
  });

  it('keeps its log, however many there are and however long ago it has said something', async () => {
    mkdirSync(path.join(home.logs, 'p'));
    const instances = Array.from({ length: keptInstances + 3 }, (_, i) => {
      const { instance } = left(true);
      writeFileSync(logFile(instance), '{"message":"long ago"}\n');
      utimesSync(logFile(instance), i, i);
      return instance;
    });
    await adopt();
    expect(adopted()).toHaveLength(instances.length);
    for (const instance of instances)
      expect(messages(instance)).toEqual(['long ago', 'last words', 'adopted by a new supervisor']);
  });

  it('that cannot be taken over is ended and told as such, and keeps nobody from the others', async () => {
    const broken = left(true);
    const { instance } = left(true);
    const gone = new Promise((resolve) => broken.child?.once('exit', (_, signal) => resolve(signal)));
    let fails = true;
    await adopt((spec) => {
      if (spec.instance !== broken.instance || !fails) return nowhere;
      fails = false;
      throw new Error('EIO');
    });
    expect(adopted().map(({ id }) => id)).toEqual([instance]);
    expect(await gone).toBe('SIGKILL');
    expect(plugins.ensure('p').ends.map((end) => end.instance)).toEqual([broken.instance]);
    expect(messages(broken.instance)).toContain('last words');
  });
});
