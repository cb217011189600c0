import { parseArgs } from 'node:util';
import { readAmount } from '../options.ts';

/** `idle` does nothing: what its pairs differ by is the machine's own. */
export const culprits = ['idle', 'busy', 'bomb', 'flood'] as const;
export type Culprit = (typeof culprits)[number];

export interface Options {
  culprits: Culprit[];
  pairs: number;
  /** Of each half of a pair. */
  seconds: number;
  /** Invocations of the neighbour a second, over both ways together. */
  rate: number;
  /** Nothing is printed but the line of JSON. */
  isJson: boolean;
}

/** @throws Error that says what is wrong with them */
export function readOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      pairs: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '10' },
      rate: { type: 'string', default: '200' },
      culprits: { type: 'string', default: culprits.join(',') },
      json: { type: 'boolean', default: false },
    },
  });
  return {
    culprits: values.culprits.split(',').map(readCulprit),
    pairs: readAmount('pairs', values.pairs, 1, 100),
    seconds: readAmount('seconds', values.seconds, 1, 600),
    rate: readAmount('rate', values.rate, 2, 5_000),
    isJson: values.json,
  };
}

function readCulprit(text: string): Culprit {
  const culprit = culprits.find((one) => one === text);
  if (culprit) return culprit;
  throw new Error(`--culprits names "${text}"; it takes ${culprits.join(', ')}, with commas between them.`);
}
