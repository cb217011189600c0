import { amount, defineOptions, isJson } from '../options.ts';

export const readOptions = defineOptions({
  rounds: amount(1, 100, 7),
  /** Of each model, on each way in each round. */
  runs: amount(1, 10_000, 200),
  /** How long a run of the larger model takes, about. */
  largeMs: amount(1, 1_000, 10),
  isJson,
});
