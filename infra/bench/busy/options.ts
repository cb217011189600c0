import { amount, defineOptions, isJson, named } from '../options.ts';

export const readOptions = defineOptions({
  rounds: amount(1, 100, 3),
  /** Of each side in each round. */
  seconds: amount(1, 600, 15),
  /** Of what all instances together can do. */
  loadPercent: named('load', amount(1, 100, 60)),
  isJson,
});
