import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

export interface Options {
  seed: number;
  /** How long faults go on. */
  faultsMs: number;
  /** Invocations a second over all ways. */
  perSecond: number;
  /** Partitions by the relay, also where the system could make them. */
  isRelayed: boolean;
  /** Where every fault and what became of it is written. */
  logFile: string;
}

export const seedMost = 4_294_967_295;

/** @throws Error that says what is wrong with them */
export function readOptions(args: string[], random = Math.random): Options {
  const { values } = parseArgs({
    args,
    options: {
      seed: { type: 'string' },
      minutes: { type: 'string', default: '10' },
      rate: { type: 'string', default: '120' },
      relay: { type: 'boolean', default: false },
      log: { type: 'string' },
    },
  });
  const seed = readNumber('seed', values.seed ?? String(Math.floor(random() * 1_000_000)), 0, seedMost);
  return {
    seed,
    faultsMs: readNumber('minutes', values.minutes, 0.1, 10_000) * 60_000,
    perSecond: readNumber('rate', values.rate, 1, 1_000),
    isRelayed: values.relay,
    logFile: path.resolve(values.log ?? path.join(tmpdir(), `bkg-chaos-${seed}-${Date.now()}.log`)),
  };
}

/** @throws Error that says what is wrong with it */
export function readNumber(name: string, given: string, least: number, most: number): number {
  const value = Number(given);
  if (given.trim() !== '' && value >= least && value <= most && (name !== 'seed' || Number.isInteger(value)))
    return value;
  throw new Error(`--${name} is "${given}"; it takes a number from ${least} to ${most}.`);
}
