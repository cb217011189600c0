import { seededRandom } from '../chaos/random.ts';
import type { Random } from '../chaos/random.ts';

/**
 * How an input came to be: the number of the one that was made anew, then of each that changed it. Together with the seed
 * it is all that is needed to make the input again, whatever else a run has met.
 */
export type Lineage = readonly number[];

/** What an input is made of and changed by, without looking at anything but the random numbers. */
export interface Grammar<Input> {
  make: (random: Random) => Input;
  mutate: (input: Input, random: Random) => Input;
}

/** A change of a change of a change says less and less about what was changed. */
export const lineageMost = 12;

export function inputOf<Input>({ make, mutate }: Grammar<Input>, seed: number, lineage: Lineage): Input {
  const [root = 0, ...changes] = lineage;
  let input = make(randomOf(seed, root));
  for (const change of changes) input = mutate(input, randomOf(seed, change));
  return input;
}

/** Of each number another sequence, also of those that are next to each other. */
export function randomOf(seed: number, number: number): Random {
  const first = seededRandom(seed ^ Math.imul(number + 1, 0x9e3779b1));
  return seededRandom(Math.floor(first() * 4_294_967_296));
}

export const lineageText = (lineage: Lineage): string => lineage.join('.');

/** @throws Error that says what is wrong with it */
export function readLineage(text: string): Lineage {
  const numbers = text.split('.').map(Number);
  if (/^\d+(\.\d+)*$/.test(text) && numbers.every(Number.isSafeInteger)) return numbers;
  throw new Error(
    `"${text}" is no input: it takes its numbers with dots between them, such as 4711 or 320.4711.`,
  );
}
