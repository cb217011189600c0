import type { BkgError } from './protocol/errors.ts';
import { refusal } from './refusal.ts';
import type { BucketLimit } from './token-bucket.ts';

export interface Excess {
  /** Whose limit it is. */
  what: string;
  limit: BucketLimit;
  /** Until the next is let through. */
  waitMs: number;
}

/** Nine digits, as everywhere; nobody waits for so long. */
const secsMost = 999_999_999;

/** RATE_LIMITED, with how long to wait: to hundredths in its text, in whole seconds for `Retry-After`. */
export function rateLimited({ what, limit, waitMs }: Excess): BkgError {
  const rate = Number(limit.rate.toPrecision(4));
  const secs = Math.ceil(waitMs / 10) / 100;
  return refusal(
    'RATE_LIMITED',
    `The limit of ${what} is ${rate} invocations a second, ${Math.floor(limit.burst)} at once: try again in ${secs} s.`,
    { retryAfterSecs: wholeSecs(waitMs) },
  );
}

/** As `Retry-After` takes it: rounded up, and never 0, which would be an invitation to come at once. */
export function wholeSecs(waitMs: number): number {
  return Math.min(secsMost, Math.max(1, Math.ceil(waitMs / 1_000)));
}
