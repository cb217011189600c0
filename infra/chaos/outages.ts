import { now } from '../bench/clock.ts';
import { pause } from './clock.ts';
import type { FaultKind, PartName } from './plan.ts';

/** A time in which a part could not do its work, because of a fault. */
export interface Outage {
  part: PartName;
  kind: FaultKind;
  from: number;
  /** When the fault was over; the part may not be back yet. */
  faultUntil: number;
  /** When it was looked for last and not found: that long it was surely away. */
  missedAt: number;
  /** When it was seen at work again. */
  until: number;
}

/** Shows that a part does its work; fails when it does not. */
export type Probe = (signal: AbortSignal) => Promise<unknown>;

const probeEveryMs = 200;
const probeMostMs = 2_000;

export class Outages {
  readonly all: Outage[] = [];
  readonly #probes: Partial<Record<PartName, Probe>>;
  readonly #end = new AbortController();

  constructor(probes: Partial<Record<PartName, Probe>>) {
    this.#probes = probes;
  }

  /** @returns to be called when the fault is over: then it is looked when the part is back */
  begin(part: PartName, kind: FaultKind): () => void {
    const outage: Outage = {
      part,
      kind,
      from: now(),
      faultUntil: Infinity,
      missedAt: -Infinity,
      until: Infinity,
    };
    this.all.push(outage);
    return () => {
      outage.faultUntil = now();
      void this.#watch(outage);
    };
  }

  /** Those that are not back yet. */
  get open(): Outage[] {
    return this.all.filter(({ until }) => until === Infinity);
  }

  close(): void {
    this.#end.abort();
  }

  async #watch(outage: Outage): Promise<void> {
    const probe = this.#probes[outage.part];
    const { signal } = this.#end;
    while (!signal.aborted) {
      const at = now();
      try {
        await probe?.(AbortSignal.any([signal, AbortSignal.timeout(probeMostMs)]));
        outage.until = now();
        return;
      } catch {
        outage.missedAt = at;
      }
      await pause(probeEveryMs, signal);
    }
  }
}

/** Whether the part was away at a time, surely; undefined when only its return will tell. */
export function wasAwayAt({ from, faultUntil, missedAt, until }: Outage, at: number): boolean | undefined {
  if (at < from) return false;
  if (at <= Math.max(faultUntil, missedAt)) return true;
  return until === Infinity ? undefined : false;
}

/**
 * Until when something that happened may be shown as if it had not: so long after it, and so long after the return of
 * each part that was away meanwhile. While a part is away what is shown has to be marked as unknown, for which there is
 * time, too.
 */
export function dueAt(
  happenedAt: number,
  boundMs: number,
  { at, outages, markMs }: { at: number; outages: readonly Outage[]; markMs: (part: PartName) => number },
): number {
  const begun = outages.filter(({ from }) => from <= at);
  return Math.max(
    happenedAt + boundMs,
    ...begun.map((one) => (wasAwayAt(one, at) ? one.from + markMs(one.part) : one.until + boundMs)),
  );
}
