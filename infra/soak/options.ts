import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { readNumber, seedMost } from '../chaos/options.ts';

export interface Options {
  seed: number;
  /** How long there is load; the quiets come on top. */
  loadMs: number;
  /** Invocations a second over all ways. */
  perSecond: number;
  /** Where every fault and every failure is written. */
  logFile: string;
}

/** @throws Error that says what is wrong with them */
export function readOptions(args: string[], random = Math.random): Options {
  const { values } = parseArgs({
    args,
    options: {
      seed: { type: 'string' },
      minutes: { type: 'string', default: '30' },
      rate: { type: 'string', default: '12' },
      log: { type: 'string' },
    },
  });
  const seed = readNumber('seed', values.seed ?? String(Math.floor(random() * 1_000_000)), 0, seedMost);
  return {
    seed,
    loadMs: readNumber('minutes', values.minutes, 0.2, 10_000) * 60_000,
    perSecond: readNumber('rate', values.rate, 1, 200),
    logFile: path.resolve(values.log ?? path.join(tmpdir(), `bkg-soak-${seed}-${Date.now()}.log`)),
  };
}
