import type { RateLimit } from './protocol/plugin.ts';

export interface BucketLimit {
  /** Tokens that come back in a second; above 0. */
  rate: number;
  /** Tokens that it holds at most; at least 1. */
  burst: number;
}

/** Sums of small parts miss whole numbers by so little. Who is let through early has it taken from the next. */
const slack = 1e-6;
/** What others have spent may empty it to below zero by so many times its burst and what comes back in a second. */
const debtTimes = 16;

/** @param share of the whole, for one of several who let a part through each */
export function bucketLimitOf(
  { rate_per_second: rate, burst = Math.max(1, rate) }: RateLimit,
  share = 1,
): BucketLimit {
  return { rate: rate * share, burst: Math.max(1, burst * share) };
}

/**
 * Lets `burst` through at once and `rate` a second on the long run. It has no clock of its own: every question brings the
 * time, in ms of any clock that does not go back.
 */
export class TokenBucket {
  #limit: BucketLimit;
  #tokens: number;
  #at: number;

  /** It is full at first. */
  constructor(limit: BucketLimit, now: number) {
    this.#limit = limit;
    this.#tokens = limit.burst;
    this.#at = now;
  }

  get limit(): BucketLimit {
    return this.#limit;
  }

  /** What is in it stays, as far as it holds that: to change a limit fills no bucket. */
  change(limit: BucketLimit, now: number): void {
    const tokens = this.left(now);
    this.#limit = limit;
    this.#tokens = Math.min(limit.burst, Math.max(this.#floor, tokens));
  }

  /** @returns false when it has not so many; then it keeps what it has */
  take(n: number, now: number): boolean {
    if (this.left(now) < n - slack) return false;
    this.#tokens -= n;
    return true;
  }

  /**
   * What somebody else has let through of the same limit, and cannot be refused any more. The debt that is left is paid
   * before anything is let through; it has a bound, so that no wrong count closes it for long.
   */
  spend(n: number, now: number): void {
    this.#tokens = Math.max(this.#floor, this.left(now) - n);
  }

  /** Until it has `n`; 0 when it does now, Infinity when it never will. */
  waitMs(now: number, n = 1): number {
    const lacking = n - slack - this.left(now);
    if (lacking <= 0) return 0;
    return n > this.#limit.burst ? Infinity : ((lacking + slack) * 1_000) / this.#limit.rate;
  }

  /** May be a part of one, and below zero. */
  left(now: number): number {
    if (now > this.#at) {
      const { rate, burst } = this.#limit;
      this.#tokens = Math.min(burst, this.#tokens + ((now - this.#at) * rate) / 1_000);
      this.#at = now;
    }
    return this.#tokens;
  }

  isFull(now: number): boolean {
    return this.left(now) >= this.#limit.burst;
  }

  get #floor(): number {
    return -debtTimes * (this.#limit.burst + this.#limit.rate);
  }
}

/** An empty bucket. */
export interface Shortage {
  bucket: TokenBucket;
  /** Until it has one token. */
  waitMs: number;
}

/** Takes one token of each, or none of any. @returns the one that has none for longest, when there is such a one */
export function takeOneOfEach(buckets: readonly TokenBucket[], now: number): Shortage | undefined {
  let shortage: Shortage | undefined;
  for (const bucket of buckets) {
    const waitMs = bucket.waitMs(now);
    if (waitMs > (shortage?.waitMs ?? 0)) shortage = { bucket, waitMs };
  }
  if (!shortage) for (const bucket of buckets) bucket.take(1, now);
  return shortage;
}
