import { setTimeout as delay } from 'node:timers/promises';
import { readProcessTotals } from '@bkg/sdk/host';
import { processes } from './stage.ts';
import type { ProcessName, Stage } from './stage.ts';

/** MB (10⁶ bytes) resident, of each process. */
export type Megabytes = Record<ProcessName, number>;

export interface MemoryUse {
  before: Megabytes;
  /** The most at any look, less before. */
  growth: Megabytes;
}

const lookEveryMs = 50;
const [stillMs, stillMb, stillMostMs] = [1_000, 1, 6_000];

export function residentMb(pids: Stage['pids']): Megabytes {
  return eachProcess((name) => {
    const totals = readProcessTotals(pids[name]);
    if (!totals) throw new Error(`${name} has ended, or this is not Linux`);
    return totals.memoryBytes / 1_000_000;
  });
}

export function eachProcess<T>(of: (name: ProcessName) => T): Record<ProcessName, T> {
  return Object.fromEntries(processes.map((name) => [name, of(name)])) as Record<ProcessName, T>;
}

/** Looks at the memory of all processes all the time. */
export class MemoryWatch implements Disposable {
  readonly #pids: Stage['pids'];
  readonly #before: Megabytes;
  readonly #most: Megabytes;
  readonly #timer: NodeJS.Timeout;

  constructor(pids: Stage['pids']) {
    this.#pids = pids;
    this.#before = residentMb(pids);
    this.#most = { ...this.#before };
    this.#timer = setInterval(() => this.#look(), lookEveryMs);
  }

  /** Until now. */
  get use(): MemoryUse {
    this.#look();
    return {
      before: { ...this.#before },
      growth: eachProcess((name) => this.#most[name] - this.#before[name]),
    };
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const now = residentMb(this.#pids);
    for (const name of processes) this.#most[name] = Math.max(this.#most[name], now[name]);
  }
}

/** Until nobody's memory changes any more, as it does for a while after a start: at most 6 s. */
export async function settle(pids: Stage['pids']): Promise<void> {
  const until = performance.now() + stillMostMs;
  for (let last = residentMb(pids); performance.now() < until;) {
    await delay(stillMs);
    const now = residentMb(pids);
    if (processes.every((name) => Math.abs(now[name] - last[name]) < stillMb)) return;
    last = now;
  }
}
