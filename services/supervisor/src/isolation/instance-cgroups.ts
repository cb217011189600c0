import path from 'node:path';
import type { PluginConfig } from '@bkg/sdk';
import { delay } from '@bkg/sdk/host';
import { codeOf } from '../error-code.ts';
import { isPopulated, killAllIn, removeCgroup, removeIfEmpty } from './cgroup-folder.ts';
import type { Controller } from './cgroup-places.ts';
import type { CgroupVersion } from './cgroup-version.ts';
import type { OomKill } from './confinement.ts';

/** A cgroup by what it is used for; one of v2 is there several times. */
export type CgroupParts = Partial<Record<Controller, { version: CgroupVersion; folder: string }>>;

const mebibyte = 1024 * 1024;

/** The cgroups of one instance, as far as there are any. */
export class InstanceCgroups {
  readonly parts: CgroupParts;
  readonly #folders: string[];

  constructor(parts: CgroupParts) {
    this.parts = parts;
    this.#folders = [...new Set(Object.values(parts).map(({ folder }) => folder))];
  }

  /** Whose pid is written into these is in them. */
  get joinFiles(): string[] {
    return this.#folders.map((folder) => path.join(folder, 'cgroup.procs'));
  }

  /** @returns false when it takes more memory than that now: then nothing is changed @throws what the system says */
  limit(resources: PluginConfig['resources']): boolean {
    const { memory, cpu, pids } = this.parts;
    if (memory && !memory.version.limitMemory(memory.folder, resources.max_memory_mb * mebibyte))
      return false;
    cpu?.version.limitCpu(cpu.folder, resources.max_cpu_percent);
    pids?.version.limitProcesses(pids.folder, resources.max_processes);
    return true;
  }

  get oomKill(): OomKill | undefined {
    const { memory } = this.parts;
    return memory && unlessGone(() => memory.version.oomKill(memory.folder), undefined);
  }

  usage(): { cpuMs: number; memoryBytes: number } | undefined {
    const { memory, cpuacct } = this.parts;
    if (!memory || !cpuacct) return undefined;
    return unlessGone(
      () => ({
        cpuMs: cpuacct.version.cpuMs(cpuacct.folder),
        memoryBytes: memory.version.memoryBytes(memory.folder),
      }),
      undefined,
    );
  }

  /** SIGKILL to all that is in it now, and nothing can be started in it any more. @returns whether there was anything */
  kill(): boolean {
    const { pids } = this.parts;
    if (pids) unlessGone(() => pids.version.limitProcesses(pids.folder, 0), undefined);
    const found = !this.isEmpty;
    // What forks between the reading of a list and the signal is in the next one.
    for (let round = 0; found && round < 2; round++)
      for (const folder of this.#folders) unlessGone(() => killAllIn(folder), undefined);
    return found;
  }

  get isEmpty(): boolean {
    return this.#folders.every((folder) => unlessGone(() => !isPopulated(folder), true));
  }

  /**
   * Kills what is in it until there is nothing, and removes it. A process takes a moment to be gone.
   * @returns false when something is in it still after the time @throws what the system says
   */
  async remove(withinMs: number): Promise<boolean> {
    for (let waitMs = 5, until = performance.now() + withinMs; ; waitMs = Math.min(200, waitMs * 2)) {
      this.kill();
      if (this.#folders.map(removeWithParents).every(Boolean)) return true;
      if (performance.now() > until) return false;
      await delay(waitMs);
    }
  }
}

/** The two above it are this home's and bkg's: they go with the last in them. */
function removeWithParents(folder: string): boolean {
  if (!removeCgroup(folder)) return false;
  const ofHome = path.dirname(folder);
  if (removeIfEmpty(ofHome)) removeIfEmpty(path.dirname(ofHome));
  return true;
}

function unlessGone<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch (error) {
    if (['ENOENT', 'ENODEV'].includes(codeOf(error))) return otherwise;
    throw error;
  }
}
