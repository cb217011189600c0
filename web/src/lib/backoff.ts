export interface BackoffOptions {
  /** @default 500 */
  firstMs?: number;
  /** @default 15000 */
  mostMs?: number;
  /** 0 to 1, as Math.random gives it. */
  random?: () => number;
}

/**
 * How long to wait before the next try: doubled after each failure and spread over the upper half, so that
 * many open dashboards do not all come back at the same moment.
 */
export function createBackoff({ firstMs = 500, mostMs = 15_000, random = Math.random }: BackoffOptions = {}) {
  let failures = 0;
  return {
    nextMs(): number {
      const fullMs = Math.min(mostMs, firstMs * 2 ** failures);
      failures = Math.min(failures + 1, 30);
      return Math.round(fullMs * (0.5 + random() / 2));
    },
    reset(): void {
      failures = 0;
    },
  };
}

export type Backoff = ReturnType<typeof createBackoff>;
