import { parseArgs } from 'node:util';
import { readAmount } from '../options.ts';

export interface Options {
  rounds: number;
  /** Of each rate, of each side in each round. */
  seconds: number;
  sockets: number;
  /** Events a second, each of which goes to all sockets. */
  rates: number[];
  /** Nothing is printed but the line of JSON. */
  isJson: boolean;
}

/** @throws Error that says what is wrong with them */
export function readOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '5' },
      sockets: { type: 'string', default: '1000' },
      rates: { type: 'string', default: '5,20' },
      json: { type: 'boolean', default: false },
    },
  });
  return {
    rounds: readAmount('rounds', values.rounds, 1, 100),
    seconds: readAmount('seconds', values.seconds, 1, 600),
    // A gateway takes no more.
    sockets: readAmount('sockets', values.sockets, 1, 1_000),
    rates: values.rates.split(',').map((text) => readAmount('rates', text, 1, 1_000)),
    isJson: values.json,
  };
}
