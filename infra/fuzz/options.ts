import { amount, defineOptions, isJson, list } from '../bench/options.ts';
import type { Option, ValuesOf } from '../bench/options.ts';
import { seed } from '../chaos/options.ts';
import { readLineage } from './lineage.ts';
import type { Lineage } from './lineage.ts';
import { wayNames } from './ways/way.ts';
import type { WayName } from './ways/way.ts';

/** One input, `http:320.4711`, as a finding has it. */
const only: Option<{ way: WayName; lineage: Lineage } | undefined> = {
  standard: undefined,
  read(text) {
    const [way = '', lineage = ''] = text.split(':');
    return { way: readWay(way), lineage: readLineage(lineage) };
  },
};

const read = defineOptions({
  seed,
  /** Over all ways. */
  inputs: amount(1, 100_000_000, 100_000),
  ways: list(wayNames.join(','), readWay),
  /** As often as it is asked for, and no other. */
  only,
  isJson,
});

export type Options = ValuesOf<typeof readOptions>;

/** @throws Error that says what is wrong with them */
export function readOptions(args: string[]) {
  const options = read(args);
  return { ...options, ways: options.only ? [options.only.way] : [...new Set(options.ways)] };
}

function readWay(text: string): WayName {
  const way = wayNames.find((name) => name === text);
  if (way) return way;
  throw new Error(
    `"${text}" is no way; there are ${wayNames.join(', ')}. --only takes one with an input: http:4711.`,
  );
}
