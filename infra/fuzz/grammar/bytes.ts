import { between } from '../../chaos/random.ts';
import type { Random } from '../../chaos/random.ts';

/** Bytes as a text of which each character is one (latin1): they can be cut, joined and printed. */
export type Bytes = string;

export const utf8 = (text: string): Bytes => Buffer.from(text).toString('latin1');
export const bufferOf = (bytes: Bytes): Buffer => Buffer.from(bytes, 'latin1');

export function pick<T>(random: Random, items: readonly T[]): T {
  const item = items[Math.floor(random() * items.length)];
  if (item === undefined) throw new RangeError('there is nothing to pick from');
  return item;
}

/** One of several, each as often as its weight says. */
export function weighted<T>(random: Random, choices: readonly (readonly [weight: number, item: T])[]): T {
  const all = choices.reduce((sum, [weight]) => sum + weight, 0);
  let left = random() * all;
  for (const [weight, item] of choices) {
    left -= weight;
    if (left < 0) return item;
  }
  throw new RangeError('there is nothing to choose from');
}

export const chance = (random: Random, of: number): boolean => random() < of;

/** What somebody reads as something else than what was meant. */
export const words: readonly Bytes[] = [
  ...['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf', '__defineGetter__'],
  ...[
    'null',
    'true',
    '-1',
    '0',
    '1e400',
    '9007199254740993',
    '-0',
    'NaN',
    '18446744073709551616',
    '2147483648',
  ],
  ...['{', '}', '[', ']', '"', '\\', '\\u0000', '\\ud800', ',', ':', '{"__proto__":{"a":1}}'],
  ...['\r\n', '\n', '\r\n\r\n', '\0', '\xff', '\xc0\xaf', '\xed\xa0\x80', '\xef\xbb\xbf', '\xf4\x90\x80\x80'],
  ...[
    '%00',
    '%2e%2e%2f',
    '%',
    '%zz',
    '../',
    '..\\',
    '*',
    '>',
    '$SRV',
    '_INBOX.',
    '${x}',
    "'",
    '<script>',
    ';',
  ],
  utf8('ä'),
  utf8('\u2028'),
  utf8('🦊'),
  utf8('\u202e'),
];

const manyMost = 5_000;

/** The same bytes with something in them that is not as it was. */
export function mutateBytes(bytes: Bytes, random: Random): Bytes {
  const at = between(random, 0, bytes.length);
  const end = Math.min(bytes.length, at + between(random, 1, 16));
  const [before, middle, after] = [bytes.slice(0, at), bytes.slice(at, end), bytes.slice(end)];
  return weighted<() => Bytes>(random, [
    [3, () => before + flip(middle, random) + after],
    [2, () => before + after],
    [2, () => before + middle + middle + after],
    [4, () => before + pick(random, words) + bytes.slice(at)],
    [2, () => before + pick(random, words) + after],
    [1, () => before],
    [1, () => after],
    [1, () => before + String.fromCharCode(between(random, 0, 255)) + bytes.slice(at)],
    [1, () => before + middle.repeat(between(random, 2, manyMost / 16)) + after],
    [1, () => bytes.slice(at) + before],
  ])();
}

function flip(bytes: Bytes, random: Random): Bytes {
  if (bytes === '') return bytes;
  const at = between(random, 0, bytes.length - 1);
  const code = bytes.charCodeAt(at) ^ (1 << between(random, 0, 7));
  return bytes.slice(0, at) + String.fromCharCode(code) + bytes.slice(at + 1);
}
