import { readFileSync } from 'node:fs';
import path from 'node:path';
import { codeOf } from '../error-code.ts';

/** What one cgroup can keep or count; `cpuacct` counts only. */
export const controllers = ['memory', 'cpu', 'cpuacct', 'pids'] as const;
export type Controller = (typeof controllers)[number];

/** Those that keep one within limits. */
export const limits = ['memory', 'cpu', 'pids'] as const;
export type Limit = (typeof limits)[number];

export interface CgroupPlace {
  mount: string;
  /** The cgroup of this process, below the mount. */
  own: string;
}

/** Where this process is in each hierarchy of control groups. */
export interface CgroupPlaces {
  v1: Partial<Record<Controller, CgroupPlace>>;
  v2?: CgroupPlace;
}

interface Mount {
  /** What of the hierarchy is mounted; not `/` in a container without a cgroup namespace. */
  root: string;
  folder: string;
  type: string;
  options: string[];
}

/** Where this process is now; nowhere on a system without cgroups. */
export function ownCgroupPlaces(): CgroupPlaces {
  try {
    return cgroupPlaces(
      readFileSync('/proc/self/mountinfo', 'utf8'),
      readFileSync('/proc/self/cgroup', 'utf8'),
    );
  } catch (error) {
    // Not Linux, or a kernel without cgroups.
    if (codeOf(error) === 'ENOENT') return { v1: {} };
    throw error;
  }
}

/**
 * @param mountInfo of /proc/self/mountinfo
 * @param membership of /proc/self/cgroup
 */
export function cgroupPlaces(mountInfo: string, membership: string): CgroupPlaces {
  const mounts = mountInfo.split('\n').flatMap((line) => readMount(line) ?? []);
  const places: CgroupPlaces = { v1: {} };
  for (const line of membership.split('\n')) {
    const [, names, ours] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (names === undefined || ours === undefined) continue;
    if (names === '') {
      const place = placeIn(
        mounts.find(({ type }) => type === 'cgroup2'),
        ours,
      );
      if (place) places.v2 = place;
      continue;
    }
    for (const name of controllers.filter((one) => names.split(',').includes(one))) {
      const place = placeIn(
        mounts.find(({ type, options }) => type === 'cgroup' && options.includes(name)),
        ours,
      );
      if (place) places.v1[name] = place;
    }
  }
  return places;
}

function placeIn(mount: Mount | undefined, ours: string): CgroupPlace | undefined {
  if (!mount) return undefined;
  const below = path.posix.relative(mount.root, ours);
  // We are not in what is mounted here.
  if (below.split('/').includes('..')) return undefined;
  return { mount: mount.folder, own: path.posix.join(mount.folder, below) };
}

/** As in `32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime shared:9 - cgroup cgroup rw,cpu`. */
function readMount(line: string): Mount | undefined {
  const [left = '', right = ''] = line.split(' - ');
  const [, , , root, folder] = left.split(' ').map(unescaped);
  const [type, , options] = right.split(' ');
  if (!root || !folder || !type?.startsWith('cgroup') || options === undefined) return undefined;
  return { root, folder, type, options: options.split(',') };
}

function unescaped(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)));
}
