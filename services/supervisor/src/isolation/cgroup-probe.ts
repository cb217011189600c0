import path from 'node:path';
import { unifiedBase, whyNot } from './cgroup-own.ts';
import type { Found } from './found.ts';
import { words } from './cgroup-folder.ts';
import { controllers, limits, ownCgroupPlaces } from './cgroup-places.ts';
import type { CgroupPlaces, Controller } from './cgroup-places.ts';
import { CgroupTree } from './cgroup-tree.ts';
import type { CgroupBases } from './cgroup-tree.ts';
import { holds } from './cgroup-trial.ts';
import { cgroupV1, cgroupV2 } from './cgroup-version.ts';

export interface CgroupProbe {
  tree: CgroupTree;
  /** Why the kernel does not keep a limit here, as the end of "…, because …". */
  lacks: Partial<Record<Controller, string>>;
}

const removalMs = 3_000;

/** Finds cgroups for instances and tries each limit with a process that goes over it. @throws the signal's reason */
export async function probeCgroups(home: string, signal: AbortSignal): Promise<CgroupProbe> {
  try {
    const places = ownCgroupPlaces();
    const unified = places.v2 && unifiedBase(places.v2);
    const tree = new CgroupTree({ home, places, bases: candidates(places, unified) });
    const tries = controllers.map(
      async (name) =>
        [name, tree.bases[name] ? await tryOut(name, tree, signal) : lackOf(name, places, unified)] as const,
    );
    const lacking = (await Promise.all(tries)).filter(([, lack]) => lack !== undefined);
    for (const [name] of lacking) delete tree.bases[name];
    return { tree, lacks: Object.fromEntries(lacking) };
  } catch (error) {
    signal.throwIfAborted();
    const lack = whyNot(error);
    const tree = new CgroupTree({ home, places: { v1: {} }, bases: {} });
    return { tree, lacks: { memory: lack, cpu: lack, pids: lack } };
  }
}

/** In a cgroup for this alone: what cannot be made costs no other limit. @returns why it does not hold */
async function tryOut(name: Controller, tree: CgroupTree, signal: AbortSignal): Promise<string | undefined> {
  try {
    const cgroups = tree.make(`trial-${name}-${process.pid}`, [name]);
    try {
      // What only counts is there when it can be made.
      if (name === 'cpuacct' || (await holds(name, cgroups, signal))) return undefined;
      return 'in a trial the kernel did not keep it';
    } finally {
      await cgroups.remove(removalMs);
    }
  } catch (error) {
    signal.throwIfAborted();
    return whyNot(error);
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

function lackOf(name: Controller, { v2 }: CgroupPlaces, unified: Found<string> | undefined): string {
  if (unified && 'lack' in unified) return unified.lack;
  return v2 ? `bkg is given no "${name}" controller` : 'this system has no cgroups';
}
