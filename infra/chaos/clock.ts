import { setTimeout as delay } from 'node:timers/promises';
import { now } from '../bench/clock.ts';

/** Until then, or until `signal` aborts, which is no failure. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined);
}

const lookEveryMs = 50;
/** Below it nothing is noted: timers are never exact. */
const lateLeastMs = 20;
/** What every program on a busy machine may be late, whoever it is. */
const alwaysMs = 1_000;

/**
 * How late this process itself was, which must not count against anybody: on a machine that is too busy for us, the mesh
 * is no better off.
 */
export class Lateness implements Disposable {
  readonly #late: { at: number; ms: number }[] = [];
  readonly #timer: NodeJS.Timeout;
  #dueAt = now() + lookEveryMs;

  constructor() {
    this.#timer = setInterval(() => this.#look(), lookEveryMs).unref();
  }

  /** What is allowed on top of a bound between two times. */
  toleranceMs(from: number, to: number): number {
    // The lateness of a moment begins before it is noticed.
    const within = this.#late.filter(({ at, ms }) => at >= from && at - ms <= to);
    return alwaysMs + 3 * Math.max(0, ...within.map(({ ms }) => ms));
  }

  get mostMs(): number {
    return this.#late.reduce((most, { ms }) => Math.max(most, ms), 0);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const at = now();
    const ms = at - this.#dueAt;
    if (ms > lateLeastMs) this.#late.push({ at, ms });
    this.#dueAt = at + lookEveryMs;
  }
}
