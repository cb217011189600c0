import { statSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Enforcement } from '@bkg/sdk';
import { eventually, silentLogger } from '@bkg/sdk/testing';
import { CgroupTree } from '../src/isolation/cgroup-tree.ts';
import { Machine } from '../src/isolation/machine.ts';
import type { MachineParts } from '../src/isolation/machine.ts';
import { probeCount, probeUsers } from '../src/isolation/user-probe.ts';
import { excessOf } from '../src/isolation/watchdog.ts';
import { IsolationKit } from './isolation-kit.ts';
import type { Started } from './isolation-kit.ts';

let kit: IsolationKit;
/** As this machine would be without cgroups. */
let parts: MachineParts;
let machine: Machine;

beforeAll(async () => {
  kit = await IsolationKit.create();
  const { home } = kit;
  const none: Enforcement = { strength: 'none', by: 'none', note: 'None.' };
  const lack = 'this system has no cgroups';
  parts = {
    home,
    node: process.execPath,
    log: silentLogger,
    cgroups: {
      tree: new CgroupTree({ home: home.home, places: { v1: {} }, bases: {} }),
      lacks: { memory: lack, cpu: lack, pids: lack },
    },
    users: { lack: 'only root can give it one' },
    count: undefined,
    nice: ['/usr/bin/nice', '-n', '10'],
    sandbox: { usable: false, files: none, network: none },
  };
  machine = new Machine(parts);
});
afterAll(() => kit[Symbol.asyncDispose]());

function over({ confinement, pid }: Started): Promise<string[]> {
  return new Promise((resolve) => confinement.watch(pid, (...told) => resolve(told)));
}

const spawned = (code: string): string =>
  `require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(code)}], { detached: true }); setInterval(() => {}, 1000);`;

it('sees that an instance takes more memory than it may, with what has left its session', async () => {
  const takes = 'globalThis.held = Buffer.alloc(300 << 20, 1); setInterval(() => {}, 1000);';
  const started = kit.start(spawned(takes), { machine, resources: { max_memory_mb: 250 } });
  const [what, text] = await over(started);
  expect(what).toBe('memory');
  expect(text).toMatch(/^it takes [23]\d\d MB of memory, of which it may take 250$/);
  expect(started.confinement.oomKill).toBeUndefined();
});

it('sees that it has more processes than it may, and threads count', async () => {
  const thread =
    "new (require('node:worker_threads').Worker)('setInterval(() => {}, 1000)', { eval: true });";
  const started = kit.start(thread.repeat(20), { machine, resources: { max_processes: 20 } });
  const [what, text] = await over(started);
  expect(what).toBe('processes');
  expect(text).toMatch(/^it has \d\d processes and threads, of which it may have 20$/);
});

it('takes over other limits at once, and tells nothing of one that is let go', async () => {
  const takes = 'globalThis.held = Buffer.alloc(150 << 20, 1); setInterval(() => {}, 1000);';
  const started = kit.start(takes, { machine });
  const other = kit.start(takes, { machine });
  const told = over(started);
  let heard = 0;
  other.confinement.watch(other.pid, () => heard++);
  other.confinement.letGo();
  for (const { confinement, spec } of [started, other])
    expect(confinement.limit({ ...spec.config.resources, max_memory_mb: 100 })).toBe(true);
  expect((await told)[0]).toBe('memory');
  expect(heard).toBe(0);
});

it('lets an instance give way to others', async () => {
  const code = "console.log(require('node:os').getPriority()); setInterval(() => {}, 1000)";
  const { output, pid, confinement } = kit.start(code, { machine });
  await eventually(() => output() === '10\n');
  expect(confinement.usage()).toBeUndefined();
  expect(pid).toBeGreaterThan(0);
});

it('says what does not hold, and why', () => {
  const { memory, cpu, processes, user } = machine.isolationOf('off', 'one');
  expect([memory.strength, cpu.strength, processes.strength, user.strength]).toEqual([
    'late',
    'none',
    'late',
    'none',
  ]);
  expect(memory.note).toBe(
    'It is looked at every 250 ms and killed when it takes more, so for a moment it can, because this system has no cgroups.',
  );
  expect(cpu.note).toContain('takes what they leave');
});

it('lets the system count the processes of a plugin’s user', async (context) => {
  const users = await probeUsers(kit.home, process.execPath, new AbortController().signal);
  if ('lack' in users) return context.skip(users.lack);
  const count = probeCount(users.have);
  if (!count) return context.skip('RLIMIT_NPROC does not hold here');
  const counting = new Machine({ ...parts, users, count });
  const options = { machine: counting, pluginId: 'counted', resources: { max_processes: 40 } };
  const { output, confinement, spec } = kit.start(
    "const { spawn } = require('node:child_process'); setInterval(() => spawn('/bin/sleep', ['600']).on('error', () => console.log('refused')), 10);",
    options,
  );
  await eventually(() => output().includes('refused'));
  expect(counting.isolationOf('off', 'counted').processes).toMatchObject({
    strength: 'enforced',
    by: 'rlimit',
  });
  // It was started with the number, and so were its children.
  expect(confinement.limit({ ...spec.config.resources, max_processes: 50 })).toBe(false);
  expect(confinement.limit({ ...spec.config.resources, max_memory_mb: 2_000 })).toBe(true);
  // A second one has as many of its own.
  const second = kit.start("console.log('here'); setInterval(() => {}, 1000)", options);
  await eventually(() => second.output().includes('here'));
  expect(statSync(spec.dataDir).uid).toBeGreaterThanOrEqual(50_000);
});

it('is over a limit only above it', () => {
  const limits = { maxMemoryMb: 10, maxProcesses: 3 };
  expect(excessOf({ memoryBytes: 10 << 20, processes: 3 }, limits)).toBeUndefined();
  expect(excessOf({ memoryBytes: 11 << 20, processes: 3 }, limits)?.[0]).toBe('memory');
  expect(excessOf({ memoryBytes: 1, processes: 4 }, limits)?.[0]).toBe('processes');
  expect(excessOf({ memoryBytes: 11 << 20, processes: 4 }, {})).toBeUndefined();
});
