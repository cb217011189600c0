import { tmpdir } from 'node:os';
import path from 'node:path';
import { amount, defineOptions, flag, named, number, text } from '../bench/options.ts';
import type { ValuesOf } from '../bench/options.ts';

/** What it is made from decides what comes when: another one each time when it is not given. */
export const seed = amount(0, 4_294_967_295, Math.floor(Math.random() * 1_000_000));

const read = defineOptions({
  seed,
  /** How long faults go on. */
  minutes: number(0.1, 10_000, 10),
  /** Invocations a second over all ways. */
  perSecond: named('rate', number(1, 1_000, 120)),
  /** Partitions by the relay, also where the system could make them. */
  isRelayed: flag('relay'),
  /** Where every fault and what became of it is written. */
  log: text,
});

export type Options = ValuesOf<typeof readOptions>;

/** @throws Error that says what is wrong with them */
export function readOptions(args: string[]) {
  const { minutes, log, ...options } = read(args);
  return { ...options, faultsMs: minutes * 60_000, logFile: logFileOf('chaos', options.seed, log) };
}

/** Where it is wanted, or beside other temporary files. */
export function logFileOf(program: string, ofSeed: number, wanted: string | undefined): string {
  return path.resolve(wanted ?? path.join(tmpdir(), `bkg-${program}-${ofSeed}-${Date.now()}.log`));
}
