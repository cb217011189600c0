import { parseArgs } from 'node:util';
import { readAmount } from '../options.ts';

export interface Options {
  rounds: number;
  /** Of each side in each round, for each number in flight. */
  seconds: number;
  /** Requests without an answer at a time; what they come to is measured for each of these. */
  inFlight: number[];
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
      'in-flight': { type: 'string', default: '1,64,256' },
      json: { type: 'boolean', default: false },
    },
  });
  return {
    rounds: readAmount('rounds', values.rounds, 1, 100),
    seconds: readAmount('seconds', values.seconds, 1, 600),
    // An instance takes 64 at a time and lets 1,024 wait: more would be answered BUSY.
    inFlight: values['in-flight'].split(',').map((text) => readAmount('in-flight', text, 1, 1_000)),
    isJson: values.json,
  };
}
