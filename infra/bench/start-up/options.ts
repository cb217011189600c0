import { amount, defineOptions, isJson, text } from '../options.ts';

export const readOptions = defineOptions({
  rounds: amount(1, 1_000, 15),
  /** A folder for a CPU profile of the start of each side, beside those that count. */
  profiles: text,
  isJson,
});
