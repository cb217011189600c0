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
  let policies = '';
  let states = '';
  for (const holding of holdings) {
    const comma = policies && ', ';
    policies += comma + policyOf(holding);
    states += comma + stateOf(holding, at);
  }
  return { 'RateLimit-Policy': policies, RateLimit: states };
}

/** A limit says the same for as long as it is one. */
const quotas = new WeakMap<BucketLimit, string>();

/** In the time in which an empty bucket fills, in whole seconds. */
function policyOf({ policy, bucket: { limit } }: Holding): string {
  let quota = quotas.get(limit);
  if (quota === undefined) {
    const { rate, burst } = limit;
    const window = Math.min(most, Math.max(1, Math.ceil(burst / rate)));
    const tokens = Math.min(most, Math.max(Math.floor(burst), Math.floor(rate * window)));
    quota = `q=${tokens};w=${window}`;
    quotas.set(limit, quota);
  }
  return `"${policy}";${quota}`;
}

function stateOf({ policy, bucket }: Holding, at: number): string {
  const remaining = Math.max(0, Math.floor(bucket.left(at)));
  const waitMs = bucket.waitMs(at, remaining + 1);
  return `"${policy}";r=${remaining}${Number.isFinite(waitMs) ? `;t=${wholeSecs(waitMs)}` : ''}`;
}
