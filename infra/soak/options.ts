import { defineOptions, named, number, text } from '../bench/options.ts';
import type { ValuesOf } from '../bench/options.ts';
import { logFileOf, seed } from '../chaos/options.ts';

const read = defineOptions({
  seed,
  /** How long there is load; the quiets come on top. */
  minutes: number(0.2, 10_000, 30),
  /** Invocations a second over all ways. */
  perSecond: named('rate', number(1, 200, 12)),
  /** Where every fault and every failure is written. */
  log: text,
});

export type Options = ValuesOf<typeof readOptions>;

/** @throws Error that says what is wrong with them */
export function readOptions(args: string[]) {
  const { minutes, log, ...options } = read(args);
  return { ...options, loadMs: minutes * 60_000, logFile: logFileOf('soak', options.seed, log) };
}
