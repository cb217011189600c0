import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { cgroupV1, cgroupV2 } from '../src/isolation/cgroup-version.ts';

const base = mkdtempSync(path.join(tmpdir(), 'bkg-cgroup-'));
afterAll(() => rmSync(base, { recursive: true }));

let folder: string;

beforeEach((context) => {
  folder = path.join(base, context.task.id);
  mkdirSync(folder);
});

/** As the kernel shows them. */
function files(contents: Record<string, string>): void {
  for (const [name, text] of Object.entries(contents)) writeFileSync(path.join(folder, name), text);
}

describe('who had too little memory when the system killed one', () => {
  it.each([
    ['nobody', { kills: 0, overruns: 3 }, undefined],
    ['the instance', { kills: 1, overruns: 3 }, 'own'],
    ['the machine', { kills: 1, overruns: 0 }, 'machine'],
  ] as const)('%s', (_, { kills, overruns }, expected) => {
    files({ 'memory.oom_control': `under_oom 0\noom_kill ${kills}\n`, 'memory.failcnt': '0\n' });
    const limit = 100 << 20;
    const most = overruns > 0 ? limit - 4096 : limit / 2;
    files({ 'memory.limit_in_bytes': `${limit}\n`, 'memory.max_usage_in_bytes': `${most}\n` });
    expect(cgroupV1.oomKill(folder)).toBe(expected);
    // Swap is counted as well.
    files({ 'memory.max_usage_in_bytes': '7\n', 'memory.memsw.limit_in_bytes': `${limit}\n` });
    files({ 'memory.memsw.max_usage_in_bytes': `${most}\n` });
    expect(cgroupV1.oomKill(folder)).toBe(expected);
    files({ 'memory.events': `low 0\nhigh 0\nmax 7\noom ${overruns}\noom_kill ${kills}\n` });
    expect(cgroupV2.oomKill(folder)).toBe(expected);
  });

  it('need not be looked for where all of an instance is killed at once', () => {
    expect([cgroupV1.killsWhole(folder), cgroupV2.killsWhole(folder)]).toEqual([false, false]);
    files({ 'memory.oom.group': '1\n' });
    expect([cgroupV1.killsWhole(folder), cgroupV2.killsWhole(folder)]).toEqual([false, true]);
  });
});

it('a limit of v1 that can only be half set is not set', () => {
  files({ 'memory.limit_in_bytes': '2000\n', 'memory.usage_in_bytes': '10\n', 'memory.stat': '' });
  // Cannot be written.
  mkdirSync(path.join(folder, 'memory.memsw.limit_in_bytes'));
  expect(() => cgroupV1.limitMemory(folder, 1_000)).toThrow('EISDIR');
  expect(readFileSync(path.join(folder, 'memory.limit_in_bytes'), 'utf8')).toBe('2000\n');
});
