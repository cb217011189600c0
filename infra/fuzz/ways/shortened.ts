import { inspect } from 'node:util';

/** An input in so many words as somebody reads: written out, one that repeats what is large would be longer than a text can be. */
export function shortened(input: unknown): string {
  return inspect(input, { depth: 6, maxArrayLength: 20, maxStringLength: 500, breakLength: Infinity }).slice(
    0,
    2_000,
  );
}
