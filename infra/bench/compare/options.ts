import { parseArgs } from 'node:util';
import { readAmount, readSome } from '../options.ts';
import { sideNames } from './side-names.ts';
import type { SideName } from './side-names.ts';

export interface Options {
  rounds: number;
  /** Of each side in each round, and in each of both parts. */
  seconds: number;
  /** Invocations of each before it counts. */
  warmUp: number;
  /** In the order of the table. */
  sides: SideName[];
  /** Nothing is printed but the line of JSON. */
  isJson: boolean;
}

/** @throws Error that says what is wrong with them */
export function readOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string', default: '7' },
      seconds: { type: 'string', default: '3' },
      'warm-up': { type: 'string', default: '50000' },
      sides: { type: 'string', default: sideNames.join(',') },
      json: { type: 'boolean', default: false },
    },
  });
  return {
    rounds: readAmount('rounds', values.rounds, 1, 1_000),
    seconds: readAmount('seconds', values.seconds, 1, 600),
    warmUp: readAmount('warm-up', values['warm-up'], 1, 10_000_000),
    sides: readSides(values.sides),
    isJson: values.json,
  };
}

function readSides(text: string): SideName[] {
  const given = readSome('sides', text.replaceAll(' ', ''), sideNames);
  if (!given.includes('bridge'))
    throw new Error(`--sides is "${text}"; it has to name bridge, which all others are compared with.`);
  return sideNames.filter((name) => given.includes(name));
}
