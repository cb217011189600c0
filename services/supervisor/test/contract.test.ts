import { expect, it } from 'vitest';
import type { ContractReport, Descriptor, JsonSchema, PluginCapability } from '@bkg/sdk';
import { Type } from '@bkg/sdk';
import { compareContracts } from '../src/rollout/contract.ts';
import { hostile, randomOf } from './hostile.ts';
import type { Random } from './hostile.ts';

function capability(more: Partial<PluginCapability> = {}): PluginCapability {
  return {
    id: 'do',
    name: 'do',
    description: '',
    input_schema: {},
    output_schema: {},
    stream: false,
    upload: false,
    idempotent: false,
    ...more,
  };
}

function descriptor(...capabilities: PluginCapability[]): Descriptor {
  return { id: 'a', version: '1.0.0', name: 'a', description: '', author: '', capabilities };
}

function compare(before: Partial<PluginCapability>, after: Partial<PluginCapability>): ContractReport {
  return compareContracts(descriptor(capability(before)), descriptor(capability(after)));
}

const ofInput = (before: unknown, after: unknown) =>
  compare({ input_schema: before as JsonSchema }, { input_schema: after as JsonSchema });
const ofOutput = (before: unknown, after: unknown) =>
  compare({ output_schema: before as JsonSchema }, { output_schema: after as JsonSchema });

/** One line for each entry: what is unknown begins with "?". */
function lines({ breaks, unknown }: ContractReport): string[] {
  return [
    ...breaks.map(({ rule, path, detail }) => `${rule} ${path}: ${detail}`),
    ...unknown.map(({ path, detail }) => `? ${path}: ${detail}`),
  ];
}

const object = (properties: Record<string, unknown>, required: string[] = [], more = {}) => ({
  type: 'object',
  properties,
  required,
  ...more,
});
const text = { type: 'string' };
const whole = { type: 'integer' };
const number = { type: 'number' };

type Case = [name: string, before: unknown, after: unknown, expected: string[]];

const inputCases: Case[] = [
  [
    'a required property more',
    object({}),
    object({ a: text }, ['a']),
    ['input_required /properties/a: "a" is required now, was not known'],
  ],
  [
    'a property that becomes required',
    object({ a: text }),
    object({ a: text }, ['a']),
    ['input_required /properties/a: "a" is required now, was optional'],
  ],
  [
    'one that is required and not described',
    object({}),
    object({}, ['a']),
    ['input_required /required: "a" is required now, was not known'],
  ],
  ['an optional property more', object({}), object({ a: text }), ['? /properties/a: "a" is new']],
  [
    'one that is required no more',
    object({ a: text }, ['a']),
    object({ a: text }),
    ['? /properties/a: "a" is optional now, was required'],
  ],
  [
    'one that is described no more',
    object({ a: text }, ['a']),
    object({}),
    ['? /properties/a: "a" is not described any more'],
  ],
  [
    'one that is refused from now on',
    object({ a: text }, [], { additionalProperties: false }),
    object({}, [], { additionalProperties: false }),
    ['input_narrowed /properties/a: "a" is refused now, was taken'],
  ],
  [
    'other properties that are refused from now on',
    object({}),
    object({}, [], { additionalProperties: false }),
    ['? /additionalProperties: additionalProperties is false now, was not set'],
  ],
  [
    'a type less',
    object({ a: { type: ['string', 'integer'] } }),
    object({ a: text }),
    ['input_narrowed /properties/a: takes string now, took string or integer'],
  ],
  [
    'a type more',
    object({ a: text }),
    object({ a: { type: ['string', 'null'] } }),
    ['? /properties/a: takes string or null now, took string'],
  ],
  [
    'another type',
    object({ a: text }),
    object({ a: whole }),
    ['input_narrowed /properties/a: takes integer now, took string'],
  ],
  [
    'a type where there was none',
    object({ a: {} }),
    object({ a: text }),
    ['input_narrowed /properties/a: takes string now, took anything'],
  ],
  [
    'no type where there was one',
    object({ a: text }),
    object({ a: true }),
    ['? /properties/a: takes anything now, took string'],
  ],
  ['nothing any more', text, false, ['input_narrowed : takes nothing now, took string']],
  [
    'integers only',
    object({ a: number }),
    object({ a: whole }),
    ['input_narrowed /properties/a: takes integer now, took number'],
  ],
  [
    'all numbers',
    object({ a: whole }),
    object({ a: number }),
    ['? /properties/a: takes number now, took integer'],
  ],
  [
    'a value less',
    { enum: ['a', 'b', 'c'] },
    { enum: ['a', 'b'] },
    ['input_narrowed : takes "a" or "b" now, took "a", "b" or "c"'],
  ],
  ['a value more', { enum: ['a'] }, { enum: ['a', 'b'] }, ['? : takes "a" or "b" now, took "a"']],
  ['some values only', text, { enum: ['a'] }, ['input_narrowed : takes "a" now, took string']],
  ['any value of the type', { type: 'string', enum: ['a'] }, text, ['? : takes string now, took "a"']],
  [
    'a member less of a choice of constants',
    Type.Union([Type.Literal('a'), Type.Literal('b')]),
    Type.Union([Type.Literal('a')]),
    ['input_narrowed : takes "a" now, took "a" or "b"'],
  ],
  [
    'a member less of a choice of types',
    Type.Union([Type.String(), Type.Null()]),
    Type.String(),
    ['input_narrowed : takes string now, took string or null'],
  ],
  [
    'a value of many',
    { enum: Array.from({ length: 20 }, (_, i) => i) },
    { enum: [...Array.from({ length: 19 }, (_, i) => i), 'x'] },
    ['input_narrowed : takes "x" in addition now, and 19 no more'],
  ],
  [
    'the object in an object',
    object({ a: object({ b: object({ c: text }) }) }),
    object({ a: object({ b: object({ c: whole }, ['c']) }) }),
    [
      'input_required /properties/a/properties/b/properties/c: "c" is required now, was optional',
      'input_narrowed /properties/a/properties/b/properties/c: takes integer now, took string',
    ],
  ],
  [
    'a name with slashes',
    object({ 'a/b~': text }),
    object({ 'a/b~': whole }),
    ['input_narrowed /properties/a~1b~0: takes integer now, took string'],
  ],
  [
    'what is in an array',
    { type: 'array', items: object({ a: text }) },
    { type: 'array', items: object({ a: text }, ['a']) },
    ['input_required /items/properties/a: "a" is required now, was optional'],
  ],
  [
    'an array of anything',
    { type: 'array' },
    { type: 'array', items: text },
    ['input_narrowed /items: takes string now, took anything'],
  ],
  [
    'a tuple',
    { type: 'array', prefixItems: [text, text] },
    { type: 'array', prefixItems: [text, whole] },
    ['input_narrowed /prefixItems/1: takes integer now, took string'],
  ],
  [
    'an array that becomes a tuple',
    { type: 'array', items: number },
    { type: 'array', prefixItems: [whole], items: number },
    ['input_narrowed /prefixItems/0: takes integer now, took number'],
  ],
  [
    'another keyword',
    { type: 'integer', minimum: 1, maximum: 9 },
    { type: 'integer', minimum: 3, format: 'x' },
    [
      '? /format: format is "x" now, was not set',
      '? /maximum: maximum is not set now, was 9',
      '? /minimum: minimum is 3 now, was 1',
    ],
  ],
];

const outputCases: Case[] = [
  [
    'a property that may be missing from now on',
    object({ a: text }, ['a']),
    object({ a: text }),
    ['output_optional /properties/a: "a" is optional now, was always there'],
  ],
  [
    'a property that is gone',
    object({ a: text }, ['a']),
    object({}),
    ['output_optional /properties/a: "a" is gone'],
  ],
  [
    'an optional one that is gone',
    object({ a: text }),
    object({}),
    ['output_optional /properties/a: "a" is gone'],
  ],
  [
    'one that was not described, and is not required any more',
    object({}, ['a']),
    object({}),
    ['output_optional /required: "a" is optional now, was always there'],
  ],
  [
    'one that is there, but may be anything',
    object({ a: text }, ['a']),
    object({}, ['a']),
    ['output_widened /properties/a: returns anything now, returned string'],
  ],
  ['an optional property more', object({}), object({ a: text }), ['? /properties/a: "a" is new']],
  [
    'a property more',
    object({}),
    object({ a: text }, ['a']),
    ['? /properties/a: "a" is always there now, was not known'],
  ],
  [
    'one that is always there now',
    object({ a: text }),
    object({ a: text }, ['a']),
    ['? /properties/a: "a" is always there now, was optional'],
  ],
  [
    'a type more',
    object({ a: text }),
    object({ a: { type: ['string', 'null'] } }),
    ['output_widened /properties/a: returns string or null now, returned string'],
  ],
  [
    'a type less',
    object({ a: { type: ['string', 'null'] } }),
    object({ a: text }),
    ['? /properties/a: returns string now, returned string or null'],
  ],
  ['another type', text, whole, ['output_widened : returns integer now, returned string']],
  ['no type any more', text, {}, ['output_widened : returns anything now, returned string']],
  ['a type at last', true, text, ['? : returns string now, returned anything']],
  ['all numbers', whole, number, ['output_widened : returns number now, returned integer']],
  ['integers only', number, whole, ['? : returns integer now, returned number']],
  [
    'a value more',
    { enum: [1, { a: 1 }] },
    { enum: [{ a: 1 }, 1, null] },
    ['output_widened : returns {"a":1}, 1 or null now, returned 1 or {"a":1}'],
  ],
  ['a value less', { enum: ['a', 'b'] }, { const: 'a' }, ['? : returns "a" now, returned "a" or "b"']],
  [
    'what is in an array',
    { type: 'array', items: object({ a: text }, ['a']) },
    { type: 'array', items: object({ a: {} }) },
    [
      'output_optional /items/properties/a: "a" is optional now, was always there',
      'output_widened /items/properties/a: returns anything now, returned string',
    ],
  ],
  [
    'an array of anything',
    { type: 'array', items: text },
    { type: 'array' },
    ['output_widened /items: returns anything now, returned string'],
  ],
  [
    'an object that becomes a list of them: as a whole',
    object({ a: text }, ['a']),
    { type: 'array', items: object({ a: text }, ['a']) },
    ['output_widened : returns array now, returned object'],
  ],
];

const prefixed = (expected: string[], root: string) =>
  expected.map((line) =>
    line.replace(/^(\S+) (\/\S*)?:/, (_, rule: string, at = '') => `${rule} ${root}${at}:`),
  );

it.each(inputCases)('input: %s', (_, before, after, expected) => {
  expect(lines(ofInput(before, after))).toEqual(prefixed(expected, '/input_schema'));
});

it.each(outputCases)('output: %s', (_, before, after, expected) => {
  expect(lines(ofOutput(before, after))).toEqual(prefixed(expected, '/output_schema'));
});

it('a capability that is gone, and flags', () => {
  const before = descriptor(capability({ id: 'b' }), capability({ id: 'c' }), capability({ id: 'a' }));
  const after = descriptor(
    capability({ id: 'c', stream: true, idempotent: true, upload: true }),
    capability({ id: 'new', input_schema: object({ a: text }, ['a']) }),
  );
  expect(compareContracts(before, after)).toEqual({
    breaks: [
      { capability: 'a', path: '', rule: 'capability_gone', detail: 'is gone' },
      { capability: 'b', path: '', rule: 'capability_gone', detail: 'is gone' },
      { capability: 'c', path: '', rule: 'flag_changed', detail: 'stream is true now, was false' },
      { capability: 'c', path: '', rule: 'flag_changed', detail: 'idempotent is true now, was false' },
    ],
    unknown: [{ capability: 'c', path: '', detail: 'upload is true now, was false' }],
  });
});

it('errors that are declared in another way are unknown, their descriptions nothing', () => {
  const error = (number: 404 | 409, description = '') => ({ number, retryable: false, description });
  const report = compare(
    { errors: { GONE: error(404), SAME: error(404, 'x'), OTHER: error(404) } },
    { errors: { NEW: error(409), SAME: error(404, 'y'), OTHER: error(409) } },
  );
  expect(lines(report)).toEqual([
    '? : the error GONE is not declared now, was 404 and not retryable',
    '? : the error NEW is 409 and not retryable now, was not declared',
    '? : the error OTHER is 409 and not retryable now, was 404 and not retryable',
  ]);
});

it('what is for people is no difference, but a property of that name is one', () => {
  const before = { ...object({ title: text }), title: 'a', description: 'b', examples: [1], $comment: 'c' };
  expect(lines(ofInput(before, object({ title: text })))).toEqual([]);
  expect(lines(ofInput(before, object({})))).toHaveLength(1);
});

it('the order of members, types and values is no difference', () => {
  const before = object({ a: { enum: ['x', { y: 1, z: 2 }] }, b: { type: ['string', 'null'] } }, ['a', 'b']);
  const after = {
    required: ['b', 'a'],
    properties: { b: { type: ['null', 'string'] }, a: { enum: [{ z: 2, y: 1 }, 'x'] } },
    type: 'object',
  };
  expect(lines(ofInput(before, after))).toEqual([]);
  expect(lines(ofOutput(before, after))).toEqual([]);
});

it('nor is another way to write the same', () => {
  const plain = object({ mode: { type: 'string', enum: ['a', 'b'] }, size: { type: ['integer', 'null'] } }, [
    'mode',
  ]);
  const others = [
    Type.Object({
      mode: Type.Union([Type.Literal('a'), Type.Literal('b')]),
      size: Type.Optional(Type.Union([Type.Integer(), Type.Null()])),
    }),
    { $defs: { all: plain }, $ref: '#/$defs/all' },
    {
      allOf: [
        object({ size: { type: ['integer', 'null'] } }),
        object({ mode: { enum: ['b', 'a'] } }, ['mode']),
      ],
    },
    {
      $defs: { mode: { oneOf: [{ const: 'a' }, { const: 'b' }] } },
      ...plain,
      properties: {
        mode: { allOf: [{ $ref: '#/$defs/mode' }], description: 'as pydantic writes it' },
        size: { anyOf: [{ type: 'integer' }, { const: null }] },
      },
    },
  ];
  for (const other of others) {
    expect(lines(ofInput(plain, other))).toEqual([]);
    expect(lines(ofOutput(other, plain))).toEqual([]);
  }
});

it('references are followed, and a difference behind several of them is told once', () => {
  const schema = (user: unknown) => ({
    $defs: { 'a user': user },
    ...object({ from: { $ref: '#/$defs/a%20user' }, to: { $ref: '#/$defs/a%20user', description: 'x' } }),
  });
  const report = ofInput(schema(object({ name: text })), schema(object({ name: whole })));
  expect(lines(report)).toEqual([
    'input_narrowed /input_schema/properties/from/properties/name: takes integer now, took string',
  ]);
});

it('what is written at two places is told twice', () => {
  expect(ofInput(object({ a: text, b: text }), object({ a: whole, b: whole })).breaks).toMatchObject([
    { path: '/input_schema/properties/a' },
    { path: '/input_schema/properties/b' },
  ]);
});

it('a schema that refers to itself has an end', () => {
  const tree = (value: unknown) => ({
    $defs: {
      node: object({ value, children: { type: 'array', items: { $ref: '#/$defs/node' } } }, ['value']),
    },
    $ref: '#/$defs/node',
  });
  expect(lines(ofOutput(tree(text), tree(text)))).toEqual([]);
  expect(lines(ofOutput(tree(text), tree(number)))).toEqual([
    'output_widened /output_schema/properties/value: returns number now, returned string',
  ]);
  const endless = [
    { $ref: '#' },
    { $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } } },
    { allOf: [{ $ref: '#' }, { $ref: '#' }] },
    { anyOf: [{ $ref: '#' }, { const: 1 }] },
    { anyOf: [{ anyOf: [{ $ref: '#' }, text] }, { $ref: '#/anyOf/0' }] },
    { not: { $ref: '#' } },
    { allOf: [object({ a: { $ref: '#' } }), object({ a: { $ref: '#/allOf/0' } })] },
  ];
  for (const one of endless) {
    expect(lines(ofInput(one, one)).filter((line) => !line.includes('too many levels'))).toEqual([]);
    for (const other of endless) expect(ofInput(one, other).breaks.length).toBeLessThanOrEqual(1);
  }
});

it('a reference that leads out of the schema is unknown as soon as anything is another one', () => {
  for (const reference of [
    { $ref: 'other.json' },
    { $ref: '#name' },
    { $ref: '#/$defs/gone' },
    { $dynamicRef: '#x' },
  ]) {
    const schema = (type: string) => ({
      $defs: { b: { $anchor: 'name', $dynamicAnchor: 'x', type } },
      ...object({ a: reference }),
    });
    expect(lines(ofInput(schema('string'), schema('string')))).toEqual([]);
    expect(lines(ofInput(schema('string'), schema('integer')))).toEqual([
      `? /input_schema: what ${JSON.stringify(Object.values(reference)[0])} refers to is not compared`,
    ]);
  }
});

it('below choices and conditions all that differs is unknown, at its place', () => {
  const before = { anyOf: [object({ a: text }, ['a']), object({ b: text }, ['b'])] };
  const after = { anyOf: [object({ a: text }, ['a']), object({ b: whole, c: text }, ['b', 'c'])] };
  expect(lines(ofInput(before, after))).toEqual([
    '? /input_schema/anyOf/1/properties/c: "c" is required now, was not known',
    '? /input_schema/anyOf/1/properties/b: takes integer now, took string',
  ]);
  expect(ofOutput(after, before).breaks).toEqual([]);
  expect(lines(ofInput(before, { anyOf: [...before.anyOf, object({})] }))).toEqual([
    '? /input_schema/anyOf: has 3 alternatives now, had 2',
  ]);
  expect(lines(ofInput({ not: object({ a: text }) }, { not: object({ a: {} }) }))).toEqual([
    '? /input_schema/not/properties/a: takes anything now, took string',
  ]);
  expect(
    lines(ofInput({ patternProperties: { a: text, '^b/': text } }, { patternProperties: { a: number } })),
  ).toEqual([
    '? /input_schema/patternProperties/^b~1: "^b/" is gone',
    '? /input_schema/patternProperties/a: takes number now, took string',
  ]);
});

it('a choice between objects is an object still, and one that takes another type is told', () => {
  const choice = { anyOf: [object({ a: text }, ['a']), object({ b: text }, ['b'])] };
  expect(ofOutput({ type: 'object' }, choice).breaks).toEqual([]);
  expect(ofInput(choice, { type: 'object' }).breaks).toEqual([]);
  expect(lines(ofOutput({ type: 'object' }, { anyOf: [...choice.anyOf, text] }))[0]).toBe(
    'output_widened /output_schema: returns object or string now, returned object',
  );
  // Exactly one of these two: no integers.
  expect(lines(ofInput({ oneOf: [whole, number] }, number))).toEqual([
    '? /input_schema/oneOf: oneOf is not set now, was [{"type":"integer"},{"type":"number"}]',
  ]);
});

it('the same difference is found wherever it is first met without the rules', () => {
  const schema = (id: unknown) => ({
    $defs: { id },
    ...object({ a: { not: object({ x: { $ref: '#/$defs/id' } }) }, b: { $ref: '#/$defs/id' } }),
  });
  expect(ofInput(schema(text), schema(whole)).breaks).toMatchObject([
    { rule: 'input_narrowed', path: '/input_schema/properties/b' },
  ]);
});

it('lists, paths and details are bounded, and say so', () => {
  const many = (one: unknown) =>
    object(
      Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`p${1000 + i}${'x'.repeat(1_000)}`, one])),
    );
  const { breaks, unknown } = ofInput(many(text), many(whole));
  expect(unknown).toEqual([]);
  expect(breaks).toHaveLength(100);
  expect(breaks.every(({ path }) => path.length === 256 && path.endsWith('…'))).toBe(true);
  expect(breaks[0]?.detail).toBe('takes integer now, took string');
  expect(breaks[99]?.detail).toBe('takes integer now, took string; and 200 more are not listed');
  const [long] = ofInput({ pattern: 'x'.repeat(1_000) }, { pattern: `${'x'.repeat(1_000)}y` }).unknown;
  expect(long?.detail).toBe(`pattern is another one now; both begin with "${'x'.repeat(58)}…`);
});

it.each<[string, (leaf: unknown) => unknown]>([
  ['deep', (leaf) => nested(leaf, 5_000, (one) => object({ a: one }))],
  ['deep in its choices', (leaf) => nested(leaf, 5_000, (one) => ({ anyOf: [one, text] }))],
  ['deep in what is no schema', (leaf) => ({ default: nested(leaf, 50_000, (one) => [one]) })],
  ['wide', (leaf) => object(Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`p${i}`, leaf])))],
  ['of many values', (leaf) => ({ enum: [...Array.from({ length: 100_000 }, (_, i) => i), leaf] })],
  ['of many parts', (leaf) => ({ allOf: Array.from({ length: 100_000 }, () => ({ not: leaf })) })],
  [
    'of many alternatives',
    (leaf) => ({ oneOf: Array.from({ length: 100_000 }, (_, i) => ({ const: i, leaf })) }),
  ],
  ['a chain of references', (leaf) => chain(leaf, 100_000)],
])('one that is too large is unknown from there on: %s', (_, make) => {
  const [before, after] = [make(text), make(whole)] as JsonSchema[];
  const startedAt = performance.now();
  const report = compare(
    { input_schema: before!, output_schema: text },
    { input_schema: after!, output_schema: whole },
  );
  expect(performance.now() - startedAt).toBeLessThan(3_000);
  const [first] = report.unknown;
  expect(first?.path).toBe('/input_schema');
  expect(first?.detail).toMatch(/^is too large to be compared to its end: it has too many (parts|levels)$/);
  expect(report.breaks).toMatchObject([{ path: '/output_schema', rule: 'output_widened' }]);
});

function nested(leaf: unknown, levels: number, around: (one: unknown) => unknown): unknown {
  let one = leaf;
  for (let i = 0; i < levels; i += 1) one = around(one);
  return one;
}

function chain(leaf: unknown, links: number): unknown {
  const $defs = Object.fromEntries(
    Array.from({ length: links }, (_, i) => [
      `d${i}`,
      i === links - 1 ? leaf : { $ref: `#/$defs/d${i + 1}` },
    ]),
  );
  return { $defs, $ref: '#/$defs/d0' };
}

it('what was not compared to its end comes before a long list of differences', () => {
  const wide = (minLength: number) =>
    object(Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`p${i}`, { minLength }])));
  const before = [
    capability({ id: 'a', input_schema: wide(1) }),
    capability({ id: 'b', input_schema: wide(1) }),
  ];
  const after = [
    capability({ id: 'a', input_schema: wide(2) }),
    capability({ id: 'b', input_schema: wide(2) }),
  ];
  const { unknown } = compareContracts(descriptor(...before), descriptor(...after));
  expect(unknown).toHaveLength(100);
  expect(unknown.slice(0, 3)).toMatchObject([
    { capability: 'a', path: '/input_schema' },
    { capability: 'b', path: '/input_schema' },
    { capability: 'a', path: '/input_schema/properties/p0/minLength' },
  ]);
  expect(unknown[99]?.detail).toMatch(/; and \d{3,} more are not listed$/);
});

it('hostile schemas cannot keep everything else waiting', () => {
  // Each of one refers to the next of it, so that each is met with each of the other.
  const ring = (length: number) => ({
    $defs: Object.fromEntries(
      Array.from({ length }, (_, i) => [
        `d${i}`,
        object({
          a: { $ref: `#/$defs/d${(i + 1) % length}` },
          b: { $ref: `#/$defs/d${(i * 7 + 3) % length}` },
        }),
      ]),
    ),
    $ref: '#/$defs/d0',
  });
  const all = (length: number) =>
    descriptor(
      ...Array.from({ length: 40 }, (_, i) =>
        capability({ id: `c${i}`, input_schema: ring(length), output_schema: ring(length) }),
      ),
    );
  const startedAt = performance.now();
  const report = compareContracts(all(199), all(211));
  expect(performance.now() - startedAt).toBeLessThan(3_000);
  expect(report.breaks).toEqual([]);
  expect(report.unknown).toHaveLength(80);
});

it('a prototype is no property', () => {
  const named = (names: string[], one: unknown) =>
    JSON.parse(
      JSON.stringify(object(Object.fromEntries(names.map((name) => [`${name}!`, one])))).replaceAll('!', ''),
    ) as unknown;
  const names = ['__proto__', 'constructor', 'toString'];
  expect(lines(ofInput(named(names, text), named(names, text)))).toEqual([]);
  expect(ofInput(named(names, text), named(names, whole)).breaks).toHaveLength(3);
  expect(ofOutput(named(names, text), named([], text)).breaks).toHaveLength(3);
});

/** A schema as somebody may write it. */
function schemaOf(random: Random, levels = 4): unknown {
  const inner = (): unknown => schemaOf(random, levels - 1);
  const kinds: (() => unknown)[] = [
    () => ({ type: random.pick(['string', 'integer', 'number', 'null', 'boolean']) }),
    () => ({ type: ['string', random.pick(['integer', 'null'])] }),
    () => ({ enum: [random.below(3), 'a', null].slice(random.below(3)) }),
    () => ({ const: random.below(3) }),
    () => random.pick([true, {}, { minimum: random.below(3) }, { format: 'date' }]),
    () => ({ $ref: random.pick(['#', '#/$defs/a', '#/$defs/b', '#/$defs/c', 'x', '#y']) }),
  ];
  if (levels > 0)
    kinds.push(
      () => object({ a: inner(), b: inner() }, ['a', 'b'].slice(random.below(3))),
      () => ({ ...object({ c: inner() }), additionalProperties: random.pick([false, inner()]) }),
      () => ({ type: 'array', items: inner() }),
      () => ({ prefixItems: [inner(), inner()], items: random.pick([false, inner()]) }),
      () => ({ [random.pick(['anyOf', 'oneOf', 'allOf'])]: [inner(), inner()] }),
      () => ({ [random.pick(['not', 'if', 'contains'])]: inner() }),
      () => ({ $ref: '#/$defs/a', allOf: [inner()], patternProperties: { x: inner() } }),
    );
  return random.pick(kinds)();
}

function documentOf(random: Random): JsonSchema {
  const $defs = { a: schemaOf(random), b: schemaOf(random, 2) };
  const schema = schemaOf(random);
  return (typeof schema === 'object' ? { ...schema, $defs } : schema) as JsonSchema;
}

/** The same, with its members in another order. */
function shuffled(random: Random, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((one) => shuffled(random, one));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, one]) => [name, shuffled(random, one)] as const);
  return Object.fromEntries(entries.sort(() => random.below(3) - 1));
}

it('of a thousand schemas: equal ones have no difference, and the report does not depend on their order', () => {
  let broken = 0;
  for (let seed = 0; seed < 1_000; seed += 1) {
    const random = randomOf(seed);
    const [before, after] = [documentOf(random), documentOf(random)];
    expect(lines(ofInput(before, shuffled(random, before)))).toEqual([]);
    expect(lines(ofOutput(structuredClone(before), before))).toEqual([]);
    const report = ofInput(before, after);
    expect(ofInput(shuffled(random, before), after)).toMatchObject({
      breaks: report.breaks.map(({ path, rule }) => ({ path, rule })),
    });
    if (report.breaks.length > 0) broken += 1;
  }
  expect(broken).toBeGreaterThan(200);
});

it('of a thousand spoiled schemas each has a report that can be sent', () => {
  for (let seed = 0; seed < 1_000; seed += 1) {
    const random = randomOf(seed);
    const before = documentOf(random);
    const after = hostile(random, before) as JsonSchema;
    expect(lines(ofInput(after, structuredClone(after)))).toEqual([]);
    for (const report of [ofInput(before, after), ofOutput(before, after), ofInput(after, before)]) {
      const sent = JSON.stringify(report);
      expect(JSON.parse(sent)).toEqual(report);
      expect(sent.length).toBeLessThan(200_000);
      for (const { path, detail } of [...report.breaks, ...report.unknown])
        expect(path.isWellFormed() && detail.isWellFormed() && detail.length > 0).toBe(true);
    }
  }
});
