export interface RetryBudgetOptions {
  /** How many retries each call earns. @default 0.1 */
  ratio?: number;
  /** Retries that may be spent without any having been earned; it comes back within half a minute. @default 10 */
  reserve?: number;
}

const reserveBackWithinMs = 30_000;
/** What is earned is kept up to this many times the reserve: a calm day does not pay for a storm. */
const keptMost = 10;

/**
 * How many retries a client may send: a share of its calls and a small reserve. When everything fails, each caller that
 * tries again four times makes five times the load, of which nothing recovers; with a budget it is a tenth more.
 */
export class RetryBudget {
  readonly #ratio: number;
  readonly #reserve: number;
  readonly #now: () => number;
  #tokens: number;
  #countedAt: number;

  constructor({ ratio = 0.1, reserve = 10 }: RetryBudgetOptions = {}, now = (): number => performance.now()) {
    this.#ratio = ratio;
    this.#reserve = reserve;
    this.#now = now;
    this.#tokens = reserve;
    this.#countedAt = now();
  }

  /** To be called for each call, not for its retries. */
  earn(): void {
    this.#tokens = Math.min(this.#tokens + this.#ratio, Math.max(1, this.#reserve * keptMost));
  }

  /** Takes one retry. @returns false when there is none left */
  take(): boolean {
    const now = this.#now();
    const back = (this.#reserve * (now - this.#countedAt)) / reserveBackWithinMs;
    this.#countedAt = now;
    if (this.#tokens < this.#reserve) this.#tokens = Math.min(this.#reserve, this.#tokens + back);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
