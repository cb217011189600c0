import { amount, amounts, defineOptions, isJson } from '../options.ts';

export const readOptions = defineOptions({
  rounds: amount(1, 100, 5),
  /** Of each rate, of each side in each round. */
  seconds: amount(1, 600, 5),
  /** A gateway takes no more. */
  sockets: amount(1, 1_000, 1_000),
  /** Events a second, each of which goes to all sockets. */
  rates: amounts(1, 1_000, [5, 20]),
  isJson,
});
