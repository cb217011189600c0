import { isShortage } from '../shortage.ts';
import { ProcessSums } from './process-sums.ts';
import type { ProcessSum } from './process-sums.ts';

export interface Watched {
  /** Of the instance's first process, which leads its session. */
  pid: number;
  maxMemoryMb?: number;
  maxProcesses?: number;
  onOver: (what: 'memory' | 'processes', text: string) => void;
}

export const lookEveryMs = 250;
/** Of our time, where a machine has so many processes that a look takes long. */
const shareMost = 0.05;
const mebibyte = 1024 * 1024;

/** Looks at what instances take where the system does not hold them, with one look for all. */
export class Watchdog {
  readonly #sums = new ProcessSums();
  readonly #watched = new Map<string, Watched>();
  #timer: NodeJS.Timeout | undefined;

  watch(instance: string, watched: Watched): void {
    this.#watched.set(instance, watched);
    if (this.#timer === undefined) this.#lookIn(lookEveryMs);
  }

  forget(instance: string): void {
    this.#watched.delete(instance);
    if (this.#watched.size > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #lookIn(ms: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      const from = performance.now();
      this.#look();
      const tookMs = performance.now() - from;
      if (this.#watched.size > 0 && this.#timer === undefined)
        this.#lookIn(Math.max(lookEveryMs, tookMs / shareMost));
    }, ms).unref();
  }

  #look(): void {
    const leaders = new Map([...this.#watched].map(([instance, { pid }]) => [pid, instance]));
    const sums = this.#readSums(leaders);
    for (const [instance, watched] of this.#watched) {
      const sum = sums.get(instance);
      const over = sum && excessOf(sum, watched);
      if (!over) continue;
      this.forget(instance);
      watched.onOver(...over);
    }
  }

  /** Nothing when there is no file left to look with; the next look tells. */
  #readSums(leaders: ReadonlyMap<number, string>): ReadonlyMap<string, ProcessSum> {
    try {
      return this.#sums.read(leaders);
    } catch (error) {
      if (!isShortage(error)) throw error;
      return new Map();
    }
  }
}

/** @returns undefined when it is within its limits */
export function excessOf(
  { memoryBytes, processes }: ProcessSum,
  { maxMemoryMb = Infinity, maxProcesses = Infinity }: Pick<Watched, 'maxMemoryMb' | 'maxProcesses'>,
): ['memory' | 'processes', string] | undefined {
  const megabytes = Math.round(memoryBytes / mebibyte);
  if (memoryBytes > maxMemoryMb * mebibyte)
    return ['memory', `it takes ${megabytes} MB of memory, of which it may take ${maxMemoryMb}`];
  if (processes > maxProcesses)
    return ['processes', `it has ${processes} processes and threads, of which it may have ${maxProcesses}`];
  return undefined;
}
