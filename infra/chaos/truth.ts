import { isSameProcess } from '@bkg/sdk/host';
import { now } from '../bench/clock.ts';
import type { Processes } from './processes.ts';

/** What is known of an instance from the system itself. */
export interface InstanceTruth {
  instance: string;
  plugin: string;
  pid: number;
  start: string;
  /** When it was found to be there; a little later than it was. */
  seenAt: number;
  /** When it was found to be gone; a little later than it was. */
  goneAt?: number;
  /** Its event loop stands still, or its process does. */
  hung: { from: number; until: number }[];
}

const lookEveryMs = 250;

/** Looks at the processes of the mesh all the time: when one is gone, and who stands still. */
export class Truth implements Disposable {
  readonly instances = new Map<string, InstanceTruth>();
  readonly #processes: Processes;
  readonly #timer: NodeJS.Timeout;

  constructor(processes: Processes) {
    this.#processes = processes;
    this.#look();
    this.#timer = setInterval(() => this.#look(), lookEveryMs);
  }

  /** Those of a plugin that live, the oldest first. */
  living(plugin: string): InstanceTruth[] {
    return [...this.instances.values()]
      .filter((one) => one.plugin === plugin && one.goneAt === undefined)
      .sort((a, b) => Number(a.start) - Number(b.start));
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const at = now();
    for (const { instance, plugin, pid, start, isLeader } of this.#processes.living()) {
      if (!instance || !plugin || !isLeader || this.instances.has(instance)) continue;
      this.instances.set(instance, { instance, plugin, pid, start, seenAt: at, hung: [] });
    }
    // By its identity: what it is called may not be readable at a moment, as when it becomes another program.
    for (const one of this.instances.values())
      if (one.goneAt === undefined && !isSameProcess(one)) one.goneAt = at;
  }
}
