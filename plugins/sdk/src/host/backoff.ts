export interface BackoffOptions {
  firstMs: number;
  mostMs: number;
}

/** The wait before try `attempt` (from 0): doubled each time, and jittered by half so that many do not try together. */
export function backoffMs(
  attempt: number,
  { firstMs, mostMs }: BackoffOptions,
  random = Math.random,
): number {
  const full = Math.min(mostMs, firstMs * 2 ** Math.min(attempt, 30));
  return Math.round(full * (0.5 + random()));
}
