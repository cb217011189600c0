import { readFileSync } from 'node:fs';
import { freemem, totalmem } from 'node:os';
import path from 'node:path';

/** Where Linux tells about memory. */
export interface MemoryFiles {
  /** @default '/proc/meminfo' */
  meminfo: string;
  /** Of this process. @default '/proc/self/cgroup' */
  cgroup: string;
  /** Where control groups are mounted. @default '/sys/fs/cgroup' */
  cgroupRoot: string;
}

export interface MemoryRequest {
  plugin: string;
  /** How many shall be started. */
  instances: number;
  /** What one takes; undefined when that is not known. */
  perInstanceMb: number | undefined;
  availableMb: number;
  /** Not for plugins. */
  reserveMb: number;
}

const linuxFiles: MemoryFiles = {
  meminfo: '/proc/meminfo',
  cgroup: '/proc/self/cgroup',
  cgroupRoot: '/sys/fs/cgroup',
};

const megabyte = 1024 * 1024;
const reserve = { share: 0.05, leastMb: 64, mostMb: 512 };

/** How a version of control groups names what is read. */
interface Names {
  limit: string;
  usage: string;
  /** In memory.stat, with all groups within: files in memory that nobody has used lately, which the kernel drops first. */
  reclaimable: string;
}

const namesOfV2: Names = { limit: 'memory.max', usage: 'memory.current', reclaimable: 'inactive_file' };
const namesOfV1: Names = {
  limit: 'memory.limit_in_bytes',
  usage: 'memory.usage_in_bytes',
  reclaimable: 'total_inactive_file',
};

/**
 * What new processes can still be given here, in MB (2^20 bytes): by the machine, and by every control group around this
 * process. Where the system tells neither, it is what the system calls free.
 */
export function availableMemoryMb(files: MemoryFiles = linuxFiles): number {
  const machine = meminfoBytes(files, 'MemAvailable') ?? freemem();
  return Math.max(0, Math.min(machine, ...limitsOf(files).map(({ free }) => free))) / megabyte;
}

/** What this machine has, or the control groups around this process let it have, in MB. */
export function totalMemoryMb(files: MemoryFiles = linuxFiles): number {
  const machine = meminfoBytes(files, 'MemTotal') ?? totalmem();
  return Math.min(machine, ...limitsOf(files).map(({ total }) => total)) / megabyte;
}

/** What plugins leave to the rest of the machine unless somebody says otherwise: 5 % of it, from 64 to 512 MB. */
export function memoryReserveMb(totalMb: number = totalMemoryMb()): number {
  return Math.min(reserve.mostMb, Math.max(reserve.leastMb, totalMb * reserve.share));
}

/**
 * Why so many instances are not started, as a sentence; undefined when there is memory for them. Where it is not known
 * how much one takes, only a machine that has nothing to give refuses it.
 */
export function memoryRefusal(request: MemoryRequest): string | undefined {
  const { plugin, instances, perInstanceMb, availableMb, reserveMb } = request;
  const isKnown = perInstanceMb !== undefined && perInstanceMb > 0;
  const spareMb = availableMb - reserveMb;
  const most = isKnown ? Math.max(0, Math.floor(spareMb / perInstanceMb)) : spareMb < 0 ? 0 : Infinity;
  if (instances <= most) return undefined;
  const each = instances === 1 ? 'it takes' : 'each takes';
  const takes = isKnown ? `${each} about ${rounded(perInstanceMb)}, and ` : '';
  return `${refusal(plugin, instances, most)}: ${takes}${kept(availableMb, reserveMb)}.`;
}

function refusal(plugin: string, instances: number, most: number): string {
  if (instances === 1) return `There is no memory for one more instance of ${plugin}`;
  if (most === 0) return `There is no memory for ${instances} more instances of ${plugin}, nor for one`;
  return `There is memory for ${most} more ${most === 1 ? 'instance' : 'instances'} of ${plugin}, not for ${instances}`;
}

function kept(availableMb: number, reserveMb: number): string {
  const [free, rest] = [rounded(availableMb), `${rounded(reserveMb)} are kept for the rest of the machine`];
  return availableMb > reserveMb ? `of ${free} that are free ${rest}` : `${free} are free, while ${rest}`;
}

function rounded(mb: number): string {
  return `${Math.round(mb)} MB`;
}

function meminfoBytes({ meminfo }: MemoryFiles, name: string): number | undefined {
  const kilobytes = numberIn(textOf(meminfo), new RegExp(`^${name}:\\s*(\\d+) kB$`, 'm'));
  return kilobytes === undefined ? undefined : kilobytes * 1024;
}

/** What a control group lets its processes have, and what is left of that. */
interface Limit {
  total: number;
  free: number;
}

function limitsOf(files: MemoryFiles): Limit[] {
  return textOf(files.cgroup)
    .split('\n')
    .flatMap((line): Limit[] => {
      // cgroups(7): hierarchy:controllers:path; the hierarchy of version 2 has no controllers.
      const [, hierarchy, controllers = '', group = ''] = /^(\d+):([^:]*):(.*)$/.exec(line) ?? [];
      const within = (mount: string, names: Names): Limit[] =>
        groupsAround(path.join(files.cgroupRoot, mount), group).flatMap((folder) => limitOf(folder, names));
      // Beside version 1 it is mounted one folder deeper.
      if (hierarchy === '0') return [...within('', namesOfV2), ...within('unified', namesOfV2)];
      return controllers.split(',').includes('memory') ? within('memory', namesOfV1) : [];
    });
}

/** The folder of a group and of all above it. In a container some may not be there, and the root is the container's. */
function groupsAround(root: string, group: string): string[] {
  const names = group.split('/').filter((name) => name !== '' && name !== '..');
  return [root, ...names.map((_, i) => path.join(root, ...names.slice(0, i + 1)))];
}

function limitOf(folder: string, { limit, usage, reclaimable }: Names): Limit[] {
  const total = numberIn(textOf(path.join(folder, limit)));
  const used = numberIn(textOf(path.join(folder, usage)));
  // No limit is the word "max", or, in version 1, a number that is beyond any machine.
  if (total === undefined || used === undefined) return [];
  const spare = numberIn(
    textOf(path.join(folder, 'memory.stat')),
    new RegExp(`^${reclaimable} (\\d+)$`, 'm'),
  );
  return [{ total, free: Math.max(0, total - used + (spare ?? 0)) }];
}

function numberIn(text: string, pattern = /^(\d+)$/m): number | undefined {
  const digits = pattern.exec(text)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** "" for a file that is not there: another system, another version, the group at the root. */
function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
