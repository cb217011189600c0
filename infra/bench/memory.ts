import { setTimeout as delay } from 'node:timers/promises';
import { readProcessTotals } from '@bkg/sdk/host';

/** By the name of the process. */
export type Pids<Name extends string> = Readonly<Record<Name, number>>;

/** MB (10⁶ bytes) resident, of each process. */
export type Megabytes<Name extends string> = Record<Name, number>;

export interface MemoryUse<Name extends string> {
  before: Megabytes<Name>;
  /** The most at any look, less before; NaN of a process that has ended meanwhile. */
  growth: Megabytes<Name>;
}

const lookEveryMs = 50;
const [stillMs, stillMb, stillMostMs] = [1_000, 1, 6_000];

/** @throws Error when one has ended */
function residentMb<Name extends string>(pids: Pids<Name>): Megabytes<Name> {
  return eachOf(pids, (pid, name) => {
    const mb = memoryMb(pid);
    if (Number.isNaN(mb)) throw new Error(`${name} has ended, or this is not Linux`);
    return mb;
  });
}

/** The same names, each with what is made of its value. */
function eachOf<Name extends string, From, To>(
  all: Readonly<Record<Name, From>>,
  of: (value: From, name: Name) => To,
): Record<Name, To> {
  const rows = Object.entries(all) as [Name, From][];
  return Object.fromEntries(rows.map(([name, value]) => [name, of(value, name)])) as Record<Name, To>;
}

/** Looks at the memory of all processes all the time. */
export class MemoryWatch<Name extends string> implements Disposable {
  readonly #pids: Pids<Name>;
  readonly #before: Megabytes<Name>;
  #most: Megabytes<Name>;
  readonly #timer: NodeJS.Timeout;

  constructor(pids: Pids<Name>) {
    this.#pids = pids;
    this.#before = residentMb(pids);
    this.#most = { ...this.#before };
    this.#timer = setInterval(() => this.#look(), lookEveryMs);
  }

  /** Until now. */
  get use(): MemoryUse<Name> {
    this.#look();
    return {
      before: { ...this.#before },
      growth: eachOf(this.#most, (most, name) => most - this.#before[name]),
    };
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    this.#most = eachOf(this.#pids, (pid, name) => Math.max(this.#most[name], memoryMb(pid)));
  }
}

/** Until nobody's memory changes any more, as it does for a while after a start: at most 6 s. */
export async function settle<Name extends string>(pids: Pids<Name>): Promise<void> {
  const until = performance.now() + stillMostMs;
  for (let last = residentMb(pids); performance.now() < until;) {
    await delay(stillMs);
    const now = residentMb(pids);
    if ((Object.keys(pids) as Name[]).every((name) => Math.abs(now[name] - last[name]) < stillMb)) return;
    last = now;
  }
}

/** @returns NaN for one that has ended */
function memoryMb(pid: number): number {
  return (readProcessTotals(pid)?.memoryBytes ?? NaN) / 1_000_000;
}
