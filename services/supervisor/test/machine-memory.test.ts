import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { freemem, tmpdir, totalmem } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import {
  availableMemoryMb,
  memoryRefusal,
  memoryReserveMb,
  totalMemoryMb,
} from '../src/rollout/machine-memory.ts';
import type { MemoryFiles } from '../src/rollout/machine-memory.ts';

const mb = 1024 * 1024;
let folder: string;
let files: MemoryFiles;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'bkg-memory-'));
  files = {
    meminfo: path.join(folder, 'meminfo'),
    cgroup: path.join(folder, 'cgroup'),
    cgroupRoot: path.join(folder, 'sys'),
  };
});
afterEach(() => rmSync(folder, { recursive: true }));

function machine(totalMb: number, availableMb: number): void {
  const line = (name: string, value: number): string => `${name}:${String(value * 1024).padStart(15)} kB\n`;
  writeFileSync(
    files.meminfo,
    line('MemTotal', totalMb) + line('MemFree', 1) + line('MemAvailable', availableMb),
  );
}

function group(name: string, contents: Record<string, string | number>): void {
  const at = path.join(files.cgroupRoot, name);
  mkdirSync(at, { recursive: true });
  for (const [file, content] of Object.entries(contents)) writeFileSync(path.join(at, file), `${content}\n`);
}

const v2 = (max: string | number, current: number, inactive: number) => ({
  'memory.max': max,
  'memory.current': current,
  'memory.stat': `anon 5\ninactive_file ${inactive}\nactive_file 7`,
});
const v1 = (limit: number | string, usage: number, inactive: number) => ({
  'memory.limit_in_bytes': limit,
  'memory.usage_in_bytes': usage,
  'memory.stat': `inactive_file 1\ntotal_inactive_file ${inactive}`,
});

it('without limits it is what the machine has available', () => {
  machine(8_000, 3_000);
  expect(availableMemoryMb(files)).toBe(3_000);
  expect(totalMemoryMb(files)).toBe(8_000);
});

it('where the system does not tell, it is what is free', () => {
  expect(availableMemoryMb(files)).toBeGreaterThan(0);
  expect(availableMemoryMb(files)).toBeLessThanOrEqual(totalmem() / mb);
  expect(Math.abs(availableMemoryMb(files) - freemem() / mb)).toBeLessThan(1_000);
  expect(totalMemoryMb(files)).toBe(totalmem() / mb);
});

it('version 2: the group of this process and those above it bound it, without the files that can be dropped', () => {
  machine(8_000, 3_000);
  writeFileSync(files.cgroup, '0::/user.slice/bkg\n');
  group('', {});
  group('user.slice', v2(1_000 * mb, 400 * mb, 100 * mb));
  group('user.slice/bkg', v2('max', 300 * mb, 0));
  expect(availableMemoryMb(files)).toBe(700);
  expect(totalMemoryMb(files)).toBe(1_000);
  group('user.slice/bkg', v2(500 * mb, 300 * mb, 50 * mb));
  expect(availableMemoryMb(files)).toBe(250);
  expect(totalMemoryMb(files)).toBe(500);
});

it('a limit above what the machine has bounds nothing, and one that is exceeded leaves nothing', () => {
  machine(8_000, 3_000);
  writeFileSync(files.cgroup, '0::/bkg\n');
  group('bkg', v2(100_000 * mb, 400 * mb, 0));
  expect(availableMemoryMb(files)).toBe(3_000);
  expect(totalMemoryMb(files)).toBe(8_000);
  group('bkg', v2(100 * mb, 101 * mb, 0));
  expect(availableMemoryMb(files)).toBe(0);
});

it('in a container the limit is at the root, and the path may be one of the host', () => {
  machine(8_000, 3_000);
  group('', v2(512 * mb, 100 * mb, 0));
  for (const name of ['/', '/docker/0123', '/../../other']) {
    writeFileSync(files.cgroup, `0::${name}\n`);
    expect(availableMemoryMb(files)).toBe(412);
  }
});

it('version 1, alone or beside version 2', () => {
  machine(8_000, 3_000);
  writeFileSync(files.cgroup, '9:name=systemd:/\n5:cpu,cpuacct:/other\n4:memory:/a/b\n0::/\n');
  group('memory', v1('9223372036854771712', 5_000 * mb, 0));
  group('memory/a', v1(1_500 * mb, 700 * mb, 200 * mb));
  group('memory/a/b', v1('9223372036854771712', 5 * mb, 0));
  group('memory/other', v1(1, 1, 0));
  group('unified', {});
  expect(availableMemoryMb(files)).toBe(1_000);
  expect(totalMemoryMb(files)).toBe(1_500);
});

it('this machine has some', () => {
  expect(availableMemoryMb()).toBeGreaterThan(10);
  expect(availableMemoryMb()).toBeLessThanOrEqual(totalMemoryMb());
  expect(totalMemoryMb()).toBeLessThanOrEqual(Math.ceil(totalmem() / mb));
});

it('the reserve is a twentieth, within bounds', () => {
  expect([500, 4_000, 100_000].map((total) => memoryReserveMb(total))).toEqual([64, 200, 512]);
  expect(memoryReserveMb()).toBeGreaterThanOrEqual(64);
});

const request = {
  plugin: 'candle',
  instances: 5,
  perInstanceMb: 811.6,
  availableMb: 1_904.2,
  reserveMb: 256,
};

it('instances are refused for which there is no memory', () => {
  expect(memoryRefusal(request)).toBe(
    'There is memory for 2 more instances of candle, not for 5: each takes about 812 MB, and of 1904 MB that are free 256 MB are kept for the rest of the machine.',
  );
  expect(memoryRefusal({ ...request, perInstanceMb: 1_000 })).toMatch(
    /^There is memory for 1 more instance of candle, not for 5: each takes about 1000 MB, and /,
  );
  expect(memoryRefusal({ ...request, perInstanceMb: 2_000 })).toMatch(
    /^There is no memory for 5 more instances of candle, nor for one: each takes about 2000 MB, and /,
  );
  expect(memoryRefusal({ ...request, instances: 1, availableMb: 200 })).toBe(
    'There is no memory for one more instance of candle: it takes about 812 MB, and 200 MB are free, while 256 MB are kept for the rest of the machine.',
  );
  expect(memoryRefusal({ ...request, instances: 2 })).toBeUndefined();
  expect(memoryRefusal({ ...request, instances: 0, availableMb: 0 })).toBeUndefined();
});

it('when it is not known what one takes, only a machine with nothing to give refuses it', () => {
  for (const perInstanceMb of [undefined, 0, NaN]) {
    expect(memoryRefusal({ ...request, perInstanceMb, instances: 1_000 })).toBeUndefined();
    expect(memoryRefusal({ ...request, perInstanceMb, availableMb: 100 })).toBe(
      'There is no memory for 5 more instances of candle, nor for one: 100 MB are free, while 256 MB are kept for the rest of the machine.',
    );
  }
});
