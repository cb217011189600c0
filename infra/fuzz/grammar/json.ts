import { between } from '../../chaos/random.ts';
import type { Random } from '../../chaos/random.ts';
import { chance, mutateBytes, pick, utf8, weighted } from './bytes.ts';
import type { Bytes } from './bytes.ts';

/** Names that every object has without having been given them, and some that are somebody's. */
const names = [
  ...[
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    'hasOwnProperty',
    'valueOf',
    'then',
    'toJSON',
    'length',
  ],
  ...[
    'id',
    'op',
    'type',
    'code',
    'status',
    '$ref',
    '$id',
    '',
    ' ',
    '0',
    '-1',
    'a',
    'text',
    'capability',
    'payload',
  ],
];
const texts = [
  ...[
    '',
    ' ',
    'a',
    '0',
    'null',
    '__proto__',
    'target',
    'steady',
    'spare',
    'echo',
    '*',
    '>',
    'a.b',
    '../../etc/passwd',
  ],
  ...['\u0000', '\u2028', '\u202e', '🦊', 'ﬀ', '\r\nX-Injected: 1\r\n\r\n', '${7*7}', '%s%n', "' OR 1=1 --"],
  ...['2026-11-24T08:00:00.000Z', '15m', '1.0.0', '1e3', 'true', 'x'.repeat(300), 'ä'.repeat(70_000)],
];
const numbers = [
  ...[
    '0',
    '-0',
    '1',
    '-1',
    '0.1',
    '1e3',
    '1e-400',
    '1e400',
    '-1e400',
    '9007199254740993',
    '4294967296',
    '2147483648',
  ],
  ...['1025', '1024', '999999999', '1000000000', '123456789012345678901234567890', '1.0', '65536'],
];
/** Nearly JSON. */
const broken = [
  'NaN',
  'Infinity',
  '01',
  '+1',
  '.5',
  "'a'",
  'undefined',
  '{a:1}',
  '[1,]',
  '{"a":1,}',
  '/*a*/1',
  '"\t"',
];
const lone = [
  '"\\ud800"',
  '"\\udc00\\ud800"',
  '"\xff"',
  '"\xc3\x28"',
  '"\xed\xa0\x80"',
  '\xef\xbb\xbf{}',
  '"\\u00"',
];
const depths = [10, 33, 65, 200, 1_000, 10_000, 60_000];

/** A text that is JSON, or nearly. */
export function makeJson(random: Random, depth = 3): Bytes {
  return weighted<() => Bytes>(random, [
    [10, () => valueText(random, depth)],
    [1, () => deepText(random)],
    [1, () => pick(random, broken)],
    [1, () => pick(random, lone)],
    [1, () => valueText(random, depth) + pick(random, ['', ' ', ',', '{}', '\0', '\n\n'])],
    [1, () => ''],
  ])();
}

/** Something else in the place of one of its values, or other bytes somewhere. */
export function mutateJson(text: Bytes, random: Random): Bytes {
  const places = [...text.matchAll(/"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null/g)];
  if (places.length === 0 || chance(random, 0.3)) return mutateBytes(text, random);
  const place = pick(random, places);
  const other = chance(random, 0.15) ? deepText(random) : valueText(random, 2);
  return text.slice(0, place.index) + other + text.slice(place.index + place[0].length);
}

function valueText(random: Random, depth: number): Bytes {
  const leaf: readonly (readonly [number, () => Bytes])[] = [
    [3, () => utf8(JSON.stringify(pick(random, texts)))],
    [3, () => pick(random, numbers)],
    [2, () => pick(random, ['true', 'false', 'null', '{}', '[]'])],
    [0.3, () => pick(random, lone)],
  ];
  if (depth <= 0) return weighted(random, leaf)();
  const inner = (): Bytes => valueText(random, depth - 1);
  const many = (): undefined[] => Array.from({ length: between(random, 0, 4) });
  return weighted<() => Bytes>(random, [
    ...leaf,
    [2, () => `[${many().map(inner).join(',')}]`],
    [
      4,
      () =>
        `{${many()
          .map(() => `${utf8(JSON.stringify(pick(random, names)))}:${inner()}`)
          .join(',')}}`,
    ],
    [0.2, () => `[${Array.from({ length: 5_000 }, () => '0').join(',')}]`],
  ])();
}

/** Lists in lists, or objects in objects; now and then without their end. */
function deepText(random: Random): Bytes {
  const depth = pick(random, depths);
  const [open, close] = pick(random, [
    ['[', ']'],
    ['{"a":', '}'],
    ['{"__proto__":', '}'],
    ['[{"a":', '}]'],
  ] as const);
  const end = chance(random, 0.8) ? close.repeat(depth) : '';
  return open.repeat(depth) + (chance(random, 0.9) ? '0' : '') + end;
}
