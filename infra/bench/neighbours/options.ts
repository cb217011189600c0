import { amount, defineOptions, isJson, words } from '../options.ts';

/** `idle` does nothing: what its pairs differ by is the machine's own. */
export const culprits = ['idle', 'busy', 'bomb', 'flood'] as const;
export type Culprit = (typeof culprits)[number];

export const readOptions = defineOptions({
  culprits: words(culprits),
  pairs: amount(1, 100, 5),
  /** Of each half of a pair. */
  seconds: amount(1, 600, 10),
  /** Invocations of the neighbour a second, over both ways together. */
  rate: amount(2, 5_000, 200),
  isJson,
});
