import { parseArgs } from 'node:util';
import { readAmount } from '../options.ts';

export interface Options {
  rounds: number;
  /** Of each model, on each way in each round. */
  runs: number;
  /** How long a run of the larger model takes, about. */
  largeMs: number;
  /** Nothing is printed but the line of JSON. */
  isJson: boolean;
}

/** @throws Error that says what is wrong with them */
export function readOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string', default: '7' },
      runs: { type: 'string', default: '200' },
      'large-ms': { type: 'string', default: '10' },
      json: { type: 'boolean', default: false },
    },
  });
  return {
    rounds: readAmount('rounds', values.rounds, 1, 100),
    runs: readAmount('runs', values.runs, 1, 10_000),
    largeMs: readAmount('large-ms', values['large-ms'], 1, 1_000),
    isJson: values.json,
  };
}
