import { parseArgs } from 'node:util';
import { readAmount } from '../options.ts';

export interface Options {
  rounds: number;
  /** Of each side in each round. */
  seconds: number;
  /** Of what all instances together can do, in percent. */
  loadPercent: number;
  /** Nothing is printed but the line of JSON. */
  isJson: boolean;
}

/** @throws Error that says what is wrong with them */
export function readOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '15' },
      load: { type: 'string', default: '60' },
      json: { type: 'boolean', default: false },
    },
  });
  return {
    rounds: readAmount('rounds', values.rounds, 1, 100),
    seconds: readAmount('seconds', values.seconds, 1, 600),
    loadPercent: readAmount('load', values.load, 1, 100),
    isJson: values.json,
  };
}
