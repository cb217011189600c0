import { parseArgs } from 'node:util';
import { readAmount } from '../options.ts';

export interface Options {
  rounds: number;
  /** Of each rate in each round. */
  seconds: number;
  /** Lines a second. */
  rates: number[];
  /** Of a line. */
  bytes: number;
  /** Nothing is printed but the line of JSON. */
  isJson: boolean;
}

/** @throws Error that says what is wrong with them */
export function readOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '10' },
      rates: { type: 'string', default: '100,1000,3000,6000,12000' },
      bytes: { type: 'string', default: '100' },
      json: { type: 'boolean', default: false },
    },
  });
  return {
    rounds: readAmount('rounds', values.rounds, 1, 100),
    seconds: readAmount('seconds', values.seconds, 1, 600),
    rates: values.rates.split(',').map((text) => readAmount('rates', text, 1, 100_000)),
    // What a line tells of itself takes up to 35 bytes.
    bytes: readAmount('bytes', values.bytes, 40, 10_000),
    isJson: values.json,
  };
}
