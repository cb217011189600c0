import { amount, defineOptions, isJson, words } from '../options.ts';
import { sideNames } from './side-names.ts';

const read = defineOptions({
  rounds: amount(1, 1_000, 7),
  /** Of each side in each round, and in each of both parts. */
  seconds: amount(1, 600, 3),
  /** Invocations of each before it counts. */
  warmUp: amount(1, 10_000_000, 50_000),
  sides: words(sideNames),
  isJson,
});

/** @returns the sides in the order of the table. @throws Error that says what is wrong with them */
export function readOptions(args: string[]): ReturnType<typeof read> {
  const { sides, ...options } = read(args);
  if (!sides.includes('bridge'))
    throw new Error(
      `--sides is "${sides.join(',')}"; it has to name bridge, which all others are compared with.`,
    );
  return { ...options, sides: sideNames.filter((name) => sides.includes(name)) };
}
