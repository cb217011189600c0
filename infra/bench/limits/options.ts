import { amount, amounts, defineOptions, isJson } from '../options.ts';
import type { ValuesOf } from '../options.ts';

const read = defineOptions({
  /** Of each run. */
  seconds: amount(1, 600, 60),
  /** Of the limit. */
  rate: amount(1, 1_000, 100),
  /** As much as the rate, when it is not given. */
  burst: amount(1, 10_000),
  /** Invocations a second, evenly over all gateways. */
  offered: amount(1, 2_000, 300),
  gateways: amount(1, 8, 2),
  /** For the runs over plain NATS: how many there are in each. */
  replicas: amounts(1, 16, [1, 2, 4]),
  isJson,
});

export type Options = ValuesOf<typeof readOptions>;

/** @throws Error that says what is wrong with them */
export function readOptions(args: string[]) {
  const { burst, ...options } = read(args);
  return { ...options, burst: burst ?? options.rate };
}
