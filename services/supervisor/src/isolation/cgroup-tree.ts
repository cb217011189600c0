import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { foldersIn, makeCgroup } from './cgroup-folder.ts';
import { controllers, limits } from './cgroup-places.ts';
import type { CgroupPlaces, Controller } from './cgroup-places.ts';
import { cgroupV1, cgroupV2 } from './cgroup-version.ts';
import type { CgroupVersion } from './cgroup-version.ts';
import { InstanceCgroups } from './instance-cgroups.ts';
import type { CgroupParts } from './instance-cgroups.ts';

/** The cgroups below which those of instances are made, by what they can do. */
export type CgroupBases = Partial<Record<Controller, { version: CgroupVersion; base: string }>>;

interface HomeCgroup {
  version: CgroupVersion;
  /** What a hierarchy of v1 has; in v2 each cgroup says it by its files. */
  only?: Controller[];
}

const ownName = 'bkg';
/** Where many containers run there are some thousand. */
const visitsMost = 4_000;

/** The cgroups of a home: `<base>/bkg/<home>/<instance>`. */
export class CgroupTree {
  readonly bases: CgroupBases;
  readonly #home: string;
  /** Of this home; a supervisor that was started elsewhere has made them elsewhere. By their folder. */
  readonly #homes = new Map<string, HomeCgroup>();

  constructor({ home, places, bases }: { home: string; places: CgroupPlaces; bases: CgroupBases }) {
    this.bases = bases;
    this.#home = createHash('sha256').update(home).digest('hex').slice(0, 8);
    for (const [mount, only] of Map.groupBy(controllers, (name) => places.v1[name]?.mount))
      if (mount !== undefined) this.#search(mount, { version: cgroupV1, only });
    if (places.v2) this.#search(places.v2.mount, { version: cgroupV2 });
    for (const [base, names] of Map.groupBy(controllers, (name) => bases[name]?.base)) {
      const version = names[0] && bases[names[0]]?.version;
      if (base === undefined || !version) continue;
      const only = version === cgroupV1 ? { only: names } : {};
      this.#homes.set(path.join(base, ownName, this.#home), { version, ...only });
    }
  }

  /** @throws what the system says */
  make(instance: string, of: readonly Controller[] = controllers): InstanceCgroups {
    const parts: CgroupParts = {};
    try {
      for (const name of of) {
        const at = this.bases[name];
        if (!at) continue;
        const folder = makeCgroup(at.base, [ownName, this.#home, instance]);
        parts[name] = { version: at.version, folder };
      }
    } catch (error) {
      // They are empty, and go at once.
      void new InstanceCgroups(parts).remove(0).catch(() => undefined);
      throw error;
    }
    return new InstanceCgroups(parts);
  }

  /** What was made for an instance, by whichever supervisor; possibly nothing. */
  find(instance: string): InstanceCgroups {
    const parts: CgroupParts = {};
    for (const [folder, { version, only }] of this.#homes) {
      const own = path.join(folder, instance);
      if (!existsSync(own)) continue;
      for (const name of only ?? controllersOf(own)) parts[name] = { version, folder: own };
    }
    return new InstanceCgroups(parts);
  }

  /** Instances that have cgroups. */
  instances(): string[] {
    const folders = [...this.#homes.keys()].flatMap(foldersIn);
    return [...new Set(folders.map((folder) => path.basename(folder)))];
  }

  #search(mount: string, kind: HomeCgroup): void {
    const folders = [mount];
    for (const [visits, folder] of folders.entries()) {
      if (visits === visitsMost) return;
      if (path.basename(folder) === ownName) {
        const ofHome = path.join(folder, this.#home);
        if (existsSync(ofHome)) this.#homes.set(ofHome, kind);
      } else folders.push(...foldersIn(folder));
    }
  }
}

function controllersOf(folder: string): Controller[] {
  const there = limits.filter((name) => existsSync(path.join(folder, `${name}.max`)));
  return [...there, 'cpuacct'];
}
