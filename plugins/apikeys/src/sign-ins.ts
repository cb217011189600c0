import { BkgError, TokenBucket, wholeSecs } from '@bkg/sdk';
import type { BucketLimit } from '@bkg/sdk';

/** More than people do, and so rare that one key takes days to push everything else out of the audit: three events each. */
export const signInLimit: BucketLimit = { rate: 0.1, burst: 30 };

/**
 * How often one key may make sessions and tickets: each is kept, and written into the audit, which has an end. Every
 * instance of apikeys counts for itself, so that n of them let n times as much through.
 */
export class SignIns {
  readonly #limit: BucketLimit;
  readonly #now: () => number;
  /** The one that was used last is the last. Only keys that were proven have one, and there is a bound to keys. */
  readonly #buckets = new Map<string, TokenBucket>();

  /** @param now in ms of any clock that does not go back */
  constructor(limit = signInLimit, now = (): number => performance.now()) {
    this.#limit = limit;
    this.#now = now;
  }

  /** Of keys that have signed in lately. */
  get size(): number {
    return this.#buckets.size;
  }

  /** @param prefix of a key whose secret was shown. @throws BkgError RATE_LIMITED */
  take(prefix: string): void {
    const now = this.#now();
    const bucket = this.#buckets.get(prefix) ?? new TokenBucket(this.#limit, now);
    if (!bucket.take(1, now)) throw this.#tooOften(prefix, bucket.waitMs(now));
    this.#buckets.delete(prefix);
    this.#buckets.set(prefix, bucket);
    this.#forgetFull(now);
  }

  /** A full one is as good as none, and who was used longest ago is full first but for a few. */
  #forgetFull(now: number): void {
    for (const [prefix, bucket] of this.#buckets) {
      if (!bucket.isFull(now)) return;
      this.#buckets.delete(prefix);
    }
  }

  #tooOften(prefix: string, waitMs: number): BkgError {
    const { rate, burst } = this.#limit;
    const waitSecs = wholeSecs(waitMs);
    return new BkgError(
      'RATE_LIMITED',
      `${prefix} signs in too often: it may ${burst} times at once, and then once in ${1 / rate} s. Try again in ${waitSecs} s, or go on with a session that it has.`,
      { retryAfterSecs: waitSecs },
    );
  }
}
