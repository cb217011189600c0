import { readFileSync } from 'node:fs';
import path from 'node:path';
import { unifiedBase } from './cgroup-own.ts';
import type { Found } from './cgroup-own.ts';
import { words } from './cgroup-folder.ts';
import { cgroupPlaces, controllers } from './cgroup-places.ts';
import type { CgroupPlaces } from './cgroup-places.ts';
import { CgroupTree } from './cgroup-tree.ts';
import type { CgroupBases } from './cgroup-tree.ts';
import { holds } from './cgroup-trial.ts';
import type { Limit } from './cgroup-trial.ts';
import { cgroupV1, cgroupV2, codeOf } from './cgroup-version.ts';

export interface CgroupProbe {
  tree: CgroupTree;
  /** Why the kernel does not keep a limit here, as the end of "…, because …". */
  lacks: Partial<Record<Limit, string>>;
}

const removalMs = 3_000;
const limits = ['memory', 'cpu', 'pids'] as const;

/** Finds cgroups for instances and tries each limit with a process that goes over it. @throws the signal's reason */
export async function probeCgroups(home: string, signal: AbortSignal): Promise<CgroupProbe> {
  const places = readPlaces();
  const unified = places.v2 && unifiedBase(places.v2);
  const bases = candidates(places, unified);
  const trial = new CgroupTree({ home, places, bases });
  const results = await Promise.all(
    limits.map(async (limit): Promise<[Limit, string | undefined]> => {
      if (!bases[limit]) return [limit, lackOf(limit, places, unified)];
      return [limit, await tryOut(limit, trial, signal)];
    }),
  );
  const lacks = Object.fromEntries(results.filter(([, lack]) => lack !== undefined)) as CgroupProbe['lacks'];
  const proven = Object.fromEntries(
    Object.entries(bases).filter(([name]) => !(name in lacks)),
  ) as CgroupBases;
  return { tree: new CgroupTree({ home, places, bases: proven }), lacks };
}

async function tryOut(limit: Limit, tree: CgroupTree, signal: AbortSignal): Promise<string | undefined> {
  const name = `trial-${limit}-${process.pid}`;
  try {
    const cgroups = tree.make(name);
    try {
      return (await holds(limit, cgroups, signal)) ? undefined : 'in a trial the kernel did not keep it';
    } finally {
      await cgroups.remove(removalMs);
    }
  } catch (error) {
    signal.throwIfAborted();
    return `cgroups cannot be made here (${codeOf(error) || String(error)})`;
  }
}

function candidates(places: CgroupPlaces, unified: Found<string> | undefined): CgroupBases {
  const bases: CgroupBases = {};
  const given = unified && 'have' in unified ? words(path.join(unified.have, 'cgroup.subtree_control')) : [];
  for (const name of controllers) {
    const place = places.v1[name];
    // CPU time is counted in any cgroup of v2.
    const isUnified =
      name === 'cpuacct' ? limits.some((limit) => given.includes(limit)) : given.includes(name);
    if (isUnified && unified && 'have' in unified) bases[name] = { version: cgroupV2, base: unified.have };
    else if (place) bases[name] = { version: cgroupV1, base: place.own };
  }
  return bases;
}

function lackOf(limit: Limit, { v2 }: CgroupPlaces, unified: Found<string> | undefined): string {
  if (unified && 'lack' in unified) return unified.lack;
  return v2 ? `bkg is given no "${limit}" controller` : 'this system has no cgroups';
}

function readPlaces(): CgroupPlaces {
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
