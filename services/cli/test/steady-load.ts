import { delay } from '@bkg/sdk/host';

export interface Failure {
  /** By `performance.now()`. */
  at: number;
  tookMs: number;
  text: string;
}

const everyMs = 20;

/** Calls something again and again, one call after the other, and remembers how each ended. */
export class SteadyLoad {
  readonly #ending = new AbortController();
  readonly #calls: Promise<void>;
  /** Numbers of calls that succeeded. */
  readonly answered: number[] = [];
  readonly failures: Failure[] = [];
  slowestMs = 0;

  /** @param call is given its number @throws what is a failure */
  constructor(call: (number: number) => Promise<unknown>) {
    this.#calls = this.#run(call);
  }

  /** Ends it, after the call that is under way. */
  async end(): Promise<void> {
    this.#ending.abort();
    await this.#calls;
  }

  /** What failed since a moment, by `performance.now()`. */
  failedSince(from: number): string[] {
    return this.failures.filter(({ at }) => at >= from).map(({ text }) => text);
  }

  async #run(call: (number: number) => Promise<unknown>): Promise<void> {
    const { signal } = this.#ending;
    for (let number = 0; !signal.aborted; number += 1) {
      const startedAt = performance.now();
      try {
        await call(number);
        this.answered.push(number);
      } catch (error) {
        const tookMs = performance.now() - startedAt;
        this.failures.push({ at: startedAt, tookMs, text: String(error) });
      }
      this.slowestMs = Math.max(this.slowestMs, performance.now() - startedAt);
      // Its one failure is the signal's, which ends the loop.
      await delay(everyMs, signal).catch(() => undefined);
    }
  }
}
