import type { Logger, PluginConfig } from '@bkg/sdk';
import { codeOf } from '../error-code.ts';
import type { Confinement, OomKill } from './confinement.ts';
import type { InstanceCgroups } from './instance-cgroups.ts';
import type { OomWatch } from './oom-watch.ts';
import type { Watchdog } from './watchdog.ts';
import { wrapped } from './wrapped.ts';

type Resources = PluginConfig['resources'];
type OnOver = Parameters<Confinement['watch']>[1];

export interface ConfinedOptions {
  instance: string;
  cgroups: InstanceCgroups;
  watchdog: Watchdog;
  oomWatch: OomWatch;
  /** Undefined when that is not known: then there is nothing to watch for. */
  resources: Resources | undefined;
  /** Its processes are counted by its user, by a number that it was started with. */
  countsByUser: boolean;
  /** What its command becomes on the way, by the limits that it is to have. */
  through: readonly string[];
  /** What seals it off, around its command. */
  seal: (command: string, args: readonly string[]) => { command: string; args: string[] };
  log: Logger;
  onReleased: () => void;
}

const removalMs = 10_000;

/** An instance in the cgroups that it has, and watched for what they do not keep. */
export class Confined implements Confinement {
  readonly #options: ConfinedOptions;
  #resources: Resources | undefined;
  #watching: { pid: number; onOver: OnOver } | undefined;

  constructor(options: ConfinedOptions) {
    this.#options = options;
    this.#resources = options.resources;
  }

  wrap(command: string, args: readonly string[]): { command: string; args: string[] } {
    const { cgroups, through, seal } = this.#options;
    const sealed = seal(command, args);
    const [first = '', ...rest] = wrapped([sealed.command, ...sealed.args], {
      join: cgroups.joinFiles,
      through,
    });
    return { command: first, args: rest };
  }

  watch(pid: number, onOver: OnOver): void {
    this.#watching = { pid, onOver };
    this.#watch();
    const { cgroups, oomWatch, instance } = this.#options;
    const { memory } = cgroups.parts;
    if (!memory || memory.version.killsWhole(memory.folder)) return;
    // What is left would be an instance that is not whole.
    oomWatch.watch(
      instance,
      () => this.oomKill !== undefined,
      () => onOver('memory', 'the system has killed a process of it for its memory'),
    );
  }

  /** Undefined also when it cannot be read now; the next look tells. */
  get oomKill(): OomKill | undefined {
    try {
      return this.#options.cgroups.oomKill;
    } catch (error) {
      this.#warn(error, 'its memory cgroup cannot be read');
      return undefined;
    }
  }

  limit(resources: Resources): boolean {
    const { cgroups, countsByUser } = this.#options;
    const isSame = resources.max_processes === this.#resources?.max_processes;
    if (countsByUser && !isSame) return false;
    try {
      if (!cgroups.limit(resources)) return false;
    } catch (error) {
      this.#warn(error, 'its limits cannot be changed while it runs');
      return false;
    }
    this.#resources = resources;
    this.#watch();
    return true;
  }

  usage(): { cpuMs: number; memoryBytes: number } | undefined {
    return this.#options.cgroups.usage();
  }

  kill(): boolean {
    const { cgroups } = this.#options;
    try {
      return cgroups.kill();
    } catch (error) {
      this.#warn(error, 'what is in its cgroups cannot be killed');
      return false;
    }
  }

  letGo(): void {
    const { watchdog, oomWatch, instance } = this.#options;
    watchdog.forget(instance);
    oomWatch.forget(instance);
    this.#watching = undefined;
  }

  release(): void {
    this.letGo();
    this.#options.onReleased();
    void this.#remove();
  }

  #watch(): void {
    const { instance, cgroups, watchdog, countsByUser } = this.#options;
    const { memory, pids } = cgroups.parts;
    if (!this.#watching || !this.#resources || (memory && (pids || countsByUser))) return;
    watchdog.watch(instance, {
      ...this.#watching,
      ...(!memory && { maxMemoryMb: this.#resources.max_memory_mb }),
      ...(!pids && !countsByUser && { maxProcesses: this.#resources.max_processes }),
    });
  }

  async #remove(): Promise<void> {
    const { cgroups, log, instance } = this.#options;
    try {
      if (await cgroups.remove(removalMs)) return;
      log.warn({ instance }, 'its cgroups cannot be removed, because something in them does not end');
    } catch (error) {
      this.#warn(error, 'its cgroups cannot be removed');
    }
  }

  #warn(error: unknown, text: string): void {
    const { log, instance } = this.#options;
    log.warn({ error, code: codeOf(error), instance }, text);
  }
}
