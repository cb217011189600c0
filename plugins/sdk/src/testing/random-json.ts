import { runInNewContext } from 'node:vm';
import type { Random } from './random.ts';

const characters = [
  'a',
  'b',
  'o',
  '"',
  '\\',
  '/',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  ' ',
  '\n',
  '\t',
  '\u0000',
  'ä',
  '\u2028',
  '😀',
  '\ud83d',
];
const numbers = [
  '0',
  '-0',
  '1',
  '-1.5',
  '1.0',
  '1e3',
  '1E+400',
  '9007199254740993',
  '0.1000000000000000055',
  '-12.50e-07',
];

/**
 * JSON.parse with shapes of its own. That of Node 26.10 takes a member that is written "\"" for one called \ when it has met
 * an object with such a one before, in this process: what is read must not depend on which tests have run.
 */
export const parseAnew = (runInNewContext('JSON') as JSON).parse;

/**
 * JSON as nobody would write it, and everybody has to read it: with any space, any character escaped or not, numbers that
 * reading changes, and several members of the same name. To be read with `parseAnew`; no name has a backslash.
 * @param names of its members, and of those of what is in it
 */
export function randomJson(random: Random, names: readonly string[], depth = 0): string {
  const { below, pick } = random;
  const kind = below(depth > 3 ? 3 : 6);
  if (kind === 0) return pick(['null', 'true', 'false']);
  if (kind === 1) return pick(numbers);
  if (kind === 2) return randomString(random, text(random));
  return kind === 3
    ? list(random, ['[', ']'], () => randomJson(random, names, depth + 1))
    : randomObject(random, names, depth);
}

export function randomObject(random: Random, names: readonly string[], depth = 0): string {
  return list(random, ['{', '}'], () => {
    const name = random.below(4) === 0 ? text(random).replaceAll('\\', '') : random.pick(names);
    const value = randomJson(random, names, depth + 1);
    return `${randomString(random, name)}${space(random)}:${space(random)}${value}`;
  });
}

function list(random: Random, [open, close]: readonly [string, string], item: () => string): string {
  const items = Array.from({ length: random.below(5) }, () => space(random) + item() + space(random));
  return `${open}${items.join(',') || space(random)}${close}`;
}

function text({ below, pick }: Random): string {
  return Array.from({ length: below(5) }, () => pick(characters)).join('');
}

/** Each character as it is or escaped, in one of the ways that there are. */
function randomString({ below }: Random, given: string): string {
  const written = Array.from(given, (character) => {
    const plain = JSON.stringify(character).slice(1, -1);
    if (below(3) > 0) return plain;
    const units = Array.from({ length: character.length }, (_, i) => character.charCodeAt(i).toString(16));
    return units.map((unit) => `\\u${unit.padStart(4, '0')}`).join('');
  });
  return `"${written.join('')}"`;
}

function space({ below, pick }: Random): string {
  return below(3) === 0 ? pick([' ', '\n', '\r\n', '\t', '  ']) : '';
}
