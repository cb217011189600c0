import { amount, amounts, defineOptions, isJson } from '../options.ts';

export const readOptions = defineOptions({
  rounds: amount(1, 100, 7),
  /** Of each side in each round, for each number in flight. */
  seconds: amount(1, 600, 3),
  /**
   * Requests without an answer at a time; what they come to is measured for each of these. An instance takes 64 at a time
   * and lets 1,024 wait: more would be answered BUSY.
   */
  inFlight: amounts(1, 1_000, [1, 64, 256]),
  isJson,
});
