import { amount, defineOptions, isJson, words } from '../options.ts';

export const parts = ['slow', 'many', 'rates'] as const;

/** Down as bytes, as server-sent events, over `/ws`; and up. */
export const slowWays = ['bytes', 'sse', 'ws', 'upload'] as const;
export type SlowWay = (typeof slowWays)[number];

export const manyWays = ['sse', 'ws', 'nats'] as const;
export type ManyWay = (typeof manyWays)[number];

export const readOptions = defineOptions({
  parts: words(parts),
  ways: words(slowWays),
  /** What goes through to or from a slow reader. */
  megabytes: amount(1, 100_000, 2_000),
  slowSeconds: amount(0, 3_000, 60),
  /** MB a second, while it is slow. */
  slowRate: amount(1, 1_000, 1),
  /** At the same time. */
  streams: amount(1, 2_000, 1_000),
  /** Of each of these. */
  chunks: amount(2, 1_000_000, 200),
  /** Of the rates, and how long each way has in each. */
  rounds: amount(1, 100, 3),
  seconds: amount(1, 600, 2),
  isJson,
});
