import { parseArgs } from 'node:util';
import { readAmount } from '../options.ts';

export interface Options {
  rounds: number;
  /** A folder for a CPU profile of the start of each side, beside those that count. */
  profiles?: string;
  /** Nothing is printed but the line of JSON. */
  isJson: boolean;
}

/** @throws Error that says what is wrong with them */
export function readOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string', default: '15' },
      profiles: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  return {
    rounds: readAmount('rounds', values.rounds, 1, 1_000),
    ...(values.profiles !== undefined && { profiles: values.profiles }),
    isJson: values.json,
  };
}
