import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { codeOf } from '../error-code.ts';
import type { OomKill } from './confinement.ts';

/** How the files of one version of cgroups are called and read. `folder` is the cgroup. */
export interface CgroupVersion {
  readonly by: 'cgroup-v1' | 'cgroup-v2';
  /** @returns false when it takes more than that now: then nothing is changed */
  limitMemory(folder: string, bytes: number): boolean;
  /** @param percent of one core */
  limitCpu(folder: string, percent: number): void;
  limitProcesses(folder: string, most: number): void;
  /** Whether the system has killed a process in it for memory; kernels count that whoever had too little. */
  oomKill(folder: string): OomKill | undefined;
  /** When the kernel kills one for its memory it kills all. */
  killsWhole(folder: string): boolean;
  /** What cannot be given back at once: without files that were read and may be read again. */
  memoryBytes(folder: string): number;
  cpuMs(folder: string): number;
}

const periodUs = 100_000;
/** Memory is counted in lots: one that does not fit leaves as much free below the limit. */
const chargeBytes = 1024 * 1024;

export const cgroupV1: CgroupVersion = {
  by: 'cgroup-v1',
  limitMemory(folder, bytes) {
    const limit = path.join(folder, 'memory.limit_in_bytes');
    const withSwap = path.join(folder, 'memory.memsw.limit_in_bytes');
    // A kernel that does not count swap has not the second. It may never be below the first.
    const files = existsSync(withSwap) ? [limit, withSwap] : [limit];
    if (readNumber(limit) < bytes) files.reverse();
    if (cgroupV1.memoryBytes(folder) > bytes) return false;
    const changed: { file: string; was: string }[] = [];
    try {
      for (const file of files) {
        const was = readFileSync(file, 'utf8');
        writeFileSync(file, String(bytes));
        changed.unshift({ file, was });
      }
    } catch (error) {
      for (const { file, was } of changed) writeFileSync(file, was);
      // There is more in it than can be taken away.
      if (codeOf(error) === 'EBUSY') return false;
      throw error;
    }
    return true;
  },
  limitCpu(folder, percent) {
    writeFileSync(path.join(folder, 'cpu.cfs_period_us'), String(periodUs));
    const quota = path.join(folder, 'cpu.cfs_quota_us');
    try {
      writeFileSync(quota, String(quotaUs(percent)));
    } catch (error) {
      // More than a cgroup above may take is refused; then that one's limit holds.
      if (codeOf(error) !== 'EINVAL') throw error;
      writeFileSync(quota, '-1');
    }
  },
  limitProcesses: (folder, most) => writeFileSync(path.join(folder, 'pids.max'), String(most)),
  oomKill(folder) {
    if (fieldOf(path.join(folder, 'memory.oom_control'), 'oom_kill') === 0) return undefined;
    return ['memory', 'memory.memsw'].some((kind) => hasMetItsLimit(path.join(folder, kind)))
      ? 'own'
      : 'machine';
  },
  killsWhole: () => false,
  memoryBytes: (folder) =>
    Math.max(
      0,
      readNumber(path.join(folder, 'memory.usage_in_bytes')) -
        fieldOf(path.join(folder, 'memory.stat'), 'total_inactive_file'),
    ),
  cpuMs: (folder) => readNumber(path.join(folder, 'cpuacct.usage')) / 1e6,
};

export const cgroupV2: CgroupVersion = {
  by: 'cgroup-v2',
  limitMemory(folder, bytes) {
    // The kernel would not refuse it, and kill.
    if (cgroupV2.memoryBytes(folder) > bytes) return false;
    writeFileSync(path.join(folder, 'memory.max'), String(bytes));
    // Not there where there is no swap, or an older kernel.
    for (const [name, value] of [
      ['memory.swap.max', '0'],
      ['memory.oom.group', '1'],
    ] as const) {
      if (existsSync(path.join(folder, name))) writeFileSync(path.join(folder, name), value);
    }
    return true;
  },
  limitCpu: (folder, percent) =>
    writeFileSync(path.join(folder, 'cpu.max'), `${quotaUs(percent)} ${periodUs}`),
  limitProcesses: (folder, most) => writeFileSync(path.join(folder, 'pids.max'), String(most)),
  oomKill(folder) {
    const events = path.join(folder, 'memory.events');
    if (fieldOf(events, 'oom_kill') === 0) return undefined;
    return fieldOf(events, 'oom') > 0 ? 'own' : 'machine';
  },
  killsWhole: (folder) => existsSync(path.join(folder, 'memory.oom.group')),
  memoryBytes: (folder) =>
    Math.max(
      0,
      readNumber(path.join(folder, 'memory.current')) -
        fieldOf(path.join(folder, 'memory.stat'), 'inactive_file'),
    ),
  cpuMs: (folder) => fieldOf(path.join(folder, 'cpu.stat'), 'usage_usec') / 1_000,
};

/** A value of a file with a name and a number in each line; 0 when it is not among them. */
export function fieldOf(file: string, name: string): number {
  const text = readFileSync(file, 'utf8');
  const line = text.split('\n').find((one) => one.startsWith(`${name} `));
  return line === undefined ? 0 : Number(line.slice(name.length + 1));
}

/**
 * Of v1: whether it has ever taken as much as it may. How often it wanted more some kernels do not count (`failcnt`).
 * @param kind the start of the files' names
 */
function hasMetItsLimit(kind: string): boolean {
  const most = `${kind}.max_usage_in_bytes`;
  return existsSync(most) && readNumber(most) >= readNumber(`${kind}.limit_in_bytes`) - chargeBytes;
}

/** The kernel takes no less than a millisecond. */
function quotaUs(percent: number): number {
  return Math.max(1_000, Math.round((percent * periodUs) / 100));
}

function readNumber(file: string): number {
  return Number(readFileSync(file, 'utf8'));
}
