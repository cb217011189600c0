import { amount, amounts, defineOptions, isJson } from '../options.ts';

export const readOptions = defineOptions({
  rounds: amount(1, 100, 3),
  /** Of each rate in each round. */
  seconds: amount(1, 600, 10),
  /** Lines a second. */
  rates: amounts(1, 100_000, [100, 1_000, 3_000, 6_000, 12_000]),
  /** Of a line; what it tells of itself takes up to 35. */
  bytes: amount(40, 10_000, 100),
  isJson,
});
