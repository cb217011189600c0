import { parseArgs } from 'node:util';
import { readNumber, seedMost } from '../chaos/options.ts';
import { readLineage } from './lineage.ts';
import type { Lineage } from './lineage.ts';
import { wayNames } from './ways/way.ts';
import type { WayName } from './ways/way.ts';

export interface Options {
  seed: number;
  /** Over all ways. */
  inputs: number;
  ways: readonly WayName[];
  /** Only this one, as often as it is asked for. */
  only?: { way: WayName; lineage: Lineage };
  /** Nothing is printed but the last line. */
  isJson: boolean;
}

const inputsMost = 100_000_000;

/** @throws Error that says what is wrong with them */
export function readOptions(args: string[], random = Math.random): Options {
  const { values } = parseArgs({
    args,
    options: {
      seed: { type: 'string' },
      inputs: { type: 'string', default: '100000' },
      ways: { type: 'string', default: wayNames.join(',') },
      only: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  const only = values.only === undefined ? undefined : readOnly(values.only);
  return {
    seed: readNumber('seed', values.seed ?? String(Math.floor(random() * 1_000_000)), 0, seedMost),
    inputs: readNumber('inputs', values.inputs, 1, inputsMost),
    ways: only ? [only.way] : [...new Set(values.ways.split(',').map(readWay))],
    ...(only && { only }),
    isJson: values.json,
  };
}

/** `http:320.4711`, as a finding has it. */
function readOnly(text: string): NonNullable<Options['only']> {
  const [way = '', lineage = ''] = text.split(':');
  return { way: readWay(way), lineage: readLineage(lineage) };
}

function readWay(text: string): WayName {
  const way = wayNames.find((name) => name === text);
  if (way) return way;
  throw new Error(
    `"${text}" is no way; there are ${wayNames.join(', ')}. --only takes one with an input: http:4711.`,
  );
}
