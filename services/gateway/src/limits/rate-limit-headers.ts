import { wholeSecs } from '@bkg/sdk';
import type { BucketLimit } from '@bkg/sdk';
import type { Charge, Holding } from './rate-limits.ts';

/** The largest whole number of a structured field (RFC 9651). */
const most = 999_999_999_999_999;

/**
 * What an answer says of its limits, by draft-ietf-httpapi-ratelimit-headers-10: `q` invocations in a window of `w` seconds;
 * `r` of them are left, and `t` seconds later there is one more.
 */
export function rateLimitHeaders({ holdings, at }: Charge): Record<'RateLimit-Policy' | 'RateLimit', string> {
  return {
    'RateLimit-Policy': holdings.map(policyOf).join(', '),
    RateLimit: holdings.map((holding) => stateOf(holding, at)).join(', '),
  };
}

/** In the time in which an empty bucket fills, in whole seconds. */
function policyOf({ policy, bucket }: Holding): string {
  const { rate, burst }: BucketLimit = bucket.limit;
  const window = Math.min(most, Math.max(1, Math.ceil(burst / rate)));
  const quota = Math.min(most, Math.max(Math.floor(burst), Math.floor(rate * window)));
  return `"${policy}";q=${quota};w=${window}`;
}

function stateOf({ policy, bucket }: Holding, at: number): string {
  const remaining = Math.max(0, Math.floor(bucket.left(at)));
  const waitMs = bucket.waitMs(at, remaining + 1);
  return `"${policy}";r=${remaining}${Number.isFinite(waitMs) ? `;t=${wholeSecs(waitMs)}` : ''}`;
}
