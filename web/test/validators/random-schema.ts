import type { Random } from '@bkg/sdk/testing';

/** Few names, so that schemas and values meet; some of them are those of members that every object has. */
const names = [
  'a',
  'b',
  'c',
  'aa',
  'a/b',
  '~',
  'ä',
  '😀',
  '',
  '__proto__',
  'constructor',
  'toString',
  '%23',
  'a#',
];
const numbers = [
  0,
  -0,
  1,
  2,
  3,
  -1,
  0.1,
  0.2,
  0.3,
  0.5,
  1.5,
  19.99,
  1e-7,
  1e21,
  1e308,
  5e-324,
  2 ** 53,
  2 ** 53 + 2,
  255,
  Infinity,
];
const texts = [
  '',
  'a',
  'b',
  'ab',
  'aa',
  'ä',
  '😀',
  '😀😀',
  '\ud83d',
  'a😀',
  'a\nb',
  '1',
  '-',
  'A',
  '__proto__',
  'constructor',
  '\u0000',
];
/** Of each format what fits, what does not, and what people argue about. */
const formatted = [
  '2026-02-28',
  '2026-02-29',
  '2024-02-29',
  '0000-01-01',
  '2026-1-1',
  '2026-01-01T00:00:00Z',
  '2026-01-01t00:00:00z',
  '2026-01-01 00:00:00Z',
  '2026-01-01T00:00:00',
  '2026-01-01T23:59:60Z',
  '2026-01-01T24:00:00Z',
  '2026-01-01T22:59:60-01:00',
  '2026-01-01T24:59:60+01:00',
  '2026-01-01T00:00:00+0100',
  '2026-01-01T00:00:00+01',
  '2026-01-01T00:00:00.123456789+23:59',
  '2026-01-01T00:00:00+24:00',
  '10:00:00Z',
  '10:00:00',
  '10:00Z',
  'P1D',
  'P1Y1D',
  'PT1S',
  'P',
  'PT',
  'P1W',
  'P1YT',
  'P1M2W',
  'P1Y2M3DT4H5M6S',
  'http://a.example/?q=1#f',
  'urn:a:b',
  'a:',
  '//a',
  '/a/b',
  'a b',
  'http://[::1]/',
  'http://ä.example/',
  'http://a.example:80',
  'http://x',
  'http://10.0.0.1/',
  'http://user:pass@a.example/',
  '{a}',
  'a{b',
  '{?a,b*}',
  '{a.b}',
  'a@b.example',
  'a@b',
  '"a b"@c.example',
  'ä@b.example',
  'a@[127.0.0.1]',
  'a.@b.example',
  'a.example',
  'a.example.',
  '-a.example',
  'xn--a',
  '1.2.3.4',
  '01.2.3.4',
  '256.1.1.1',
  '1.2.3',
  '::',
  '::1',
  '1::2::3',
  '::ffff:1.2.3.4',
  'fe80::1%eth0',
  '[a',
  '\\Z',
  'a{1',
  '(?<n>a)',
  '\\-',
  '\\p{L}',
  '2EB8AA08-AA98-11EA-B4AA-73B441D16380',
  'urn:uuid:2eb8aa08-aa98-11ea-b4aa-73b441d16380',
  '2eb8aa08aa9811eab4aa73b441d16380',
  '/a/~0~1',
  '/a~',
  'a',
  '#/a',
  '#/%20',
  '0',
  '01/a',
  '1#',
  'YQ==',
  'YQ=',
  'YQ==\n!',
  '!\nYQ==',
];
export const formats = [
  'date',
  'time',
  'date-time',
  'iso-time',
  'iso-date-time',
  'duration',
  'uri',
  'uri-reference',
  'uri-template',
  'url',
  'email',
  'hostname',
  'ipv4',
  'ipv6',
  'regex',
  'uuid',
  'json-pointer',
  'json-pointer-uri-fragment',
  'relative-json-pointer',
  'byte',
  'int32',
  'int64',
  'float',
  'double',
  'password',
  'binary',
  'idn-email',
  'iri',
  'constructor',
  'hasOwnProperty',
  '__proto__',
  'none',
];
const patterns = [
  '^a',
  'a$',
  '^.$',
  '^..$',
  '[ä-ü]',
  '^\\p{L}+$',
  '^\\S*$',
  '😀',
  '^[^a]*$',
  '',
  '^(?:a|b)+$',
  '\\u{1F600}',
  '^_',
  '^$',
];
const types = ['array', 'boolean', 'integer', 'null', 'number', 'object', 'string'];

/** A value of JSON, or what is read from 1e400, which is infinite. */
export function randomValue(random: Random, depth = 0): unknown {
  const { below, pick } = random;
  const kind = below(depth > 2 ? 5 : 9);
  if (kind === 0) return pick([null, true, false]);
  if (kind === 1) return pick(numbers);
  if (kind === 2) return pick(texts);
  if (kind === 3) return pick(formatted);
  if (kind === 4) return pick<unknown>([[], {}, 0, 1, 'a']);
  const items = Array.from({ length: below(4) }, () => randomValue(random, depth + 1));
  if (kind < 7) return items;
  return Object.fromEntries(items.map((item) => [pick(names), item]));
}

/** A schema of 2020-12 that is one: each keyword has a value that it may have. References lead to `#/$defs/…` and to itself. */
export function randomSchema(random: Random): unknown {
  const schema = part(random, 0);
  const text = JSON.stringify(schema);
  const named = [...definitions.filter((name) => text.includes(`"#/$defs/${name}"`))];
  if (named.length === 0 || typeof schema === 'boolean') return schema;
  // Those refer to one another, in circles too.
  const $defs = Object.fromEntries(definitions.map((name) => [name, part(random, 2)]));
  return { ...(schema as object), $defs };
}

const definitions = ['x', 'y'];

function part(random: Random, depth: number): unknown {
  const { below, pick } = random;
  if (depth > 3 || (depth > 0 && below(6) === 0))
    return pick<unknown>([true, false, {}, { type: pick(types) }, { const: pick(numbers) }]);
  const members = Array.from({ length: 1 + below(depth > 1 ? 2 : 4) }, () => {
    const keyword = pick(keywords);
    return Object.entries(keyword(random, depth + 1));
  });
  return Object.fromEntries(members.flat());
}

type Keyword = (random: Random, depth: number) => Record<string, unknown>;

const some = <T>(random: Random, most: number, make: () => T): T[] =>
  Array.from({ length: 1 + random.below(most) }, make);
const unique = <T>(list: T[]): T[] => [...new Set(list)];
const parts = (random: Random, depth: number, most = 3): unknown[] =>
  some(random, most, () => part(random, depth));
const byName = (random: Random, from: readonly string[], make: () => unknown): Record<string, unknown> =>
  Object.fromEntries(some(random, 3, () => [random.pick(from), make()] as const));

const keywords: Keyword[] = [
  ({ pick }) => ({ type: pick(types) }),
  ({ pick }) => ({ type: pick(types), nullable: true }),
  (random) => ({ type: unique(some(random, 3, () => random.pick(types))) }),
  (random) => ({ const: randomValue(random, 1) }),
  (random) => ({ enum: some(random, 4, () => randomValue(random, 1)) }),
  ({ pick }) => ({
    [pick(['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'])]: pick(
      numbers.filter(Number.isFinite),
    ),
  }),
  ({ pick }) => ({ multipleOf: pick([1, 2, 0.1, 0.01, 0.3, 1e-7, 1e21, 5e-324, 1e308]) }),
  ({ pick, below }) => ({ [pick(['minLength', 'maxLength'])]: below(4) }),
  ({ pick }) => ({ pattern: pick(patterns) }),
  ({ pick }) => ({ format: pick(formats) }),
  ({ pick }) => ({ type: 'string', format: pick(formats) }),
  (random, depth) => ({ items: part(random, depth) }),
  (random, depth) => ({ prefixItems: parts(random, depth) }),
  (random, depth) => ({ contains: part(random, depth) }),
  (random, depth) => ({
    contains: part(random, depth),
    minContains: random.below(3),
    maxContains: random.below(4),
  }),
  ({ pick, below }) => ({ [pick(['minItems', 'maxItems'])]: below(4) }),
  () => ({ uniqueItems: true }),
  (random, depth) => ({ unevaluatedItems: part(random, depth + 1) }),
  (random, depth) => ({ properties: byName(random, names, () => part(random, depth)) }),
  (random, depth) => ({
    properties: byName(random, names, () => part(random, depth)),
    additionalProperties: part(random, depth + 1),
  }),
  (random, depth) => ({ patternProperties: byName(random, patterns, () => part(random, depth)) }),
  (random, depth) => ({ additionalProperties: part(random, depth + 1) }),
  (random, depth) => ({ unevaluatedProperties: part(random, depth + 1) }),
  (random, depth) => ({ propertyNames: part(random, depth) }),
  (random) => ({ required: unique(some(random, 2, () => random.pick(names))) }),
  ({ pick, below }) => ({ [pick(['minProperties', 'maxProperties'])]: below(4) }),
  (random) => ({
    dependentRequired: byName(random, names, () => unique(some(random, 2, () => random.pick(names)))),
  }),
  (random, depth) => ({ dependentSchemas: byName(random, names, () => part(random, depth)) }),
  (random, depth) => ({ allOf: parts(random, depth) }),
  (random, depth) => ({ anyOf: parts(random, depth) }),
  (random, depth) => ({ oneOf: parts(random, depth) }),
  (random, depth) => ({ not: part(random, depth) }),
  (random, depth) => ({ if: part(random, depth), then: part(random, depth) }),
  (random, depth) => ({ if: part(random, depth), then: part(random, depth), else: part(random, depth) }),
  (random, depth) => ({ if: part(random, depth) }),
  ({ pick }) => ({ $ref: `#/$defs/${pick(definitions)}` }),
  ({ pick }) => ({ $ref: `#/$defs/${pick(definitions)}` }),
  // About a part, so that it ends.
  ({ pick }) => ({ [pick(['items', 'additionalProperties'])]: { $ref: '#' } }),
];
