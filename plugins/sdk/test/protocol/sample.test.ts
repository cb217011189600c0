import { describe, expect, it } from 'vitest';
import { sampleOf } from '../../src/protocol/sample.ts';
import type { SampleOptions } from '../../src/protocol/sample.ts';
import { createValidator } from '../../src/validator.ts';
import { createRandom, mutate } from './random.ts';
import type { Random } from './random.ts';

const text = { type: 'string' };
const needs = (properties: Record<string, unknown>) => ({ required: Object.keys(properties), properties });
const node = needs({ value: { const: 7 }, next: { anyOf: [{ $ref: '#/$defs/node' }, { type: 'null' }] } });

describe('a sample', () => {
  it.each<[string, unknown, unknown, SampleOptions?]>([
    ['an example before a default', { type: 'object', examples: [{ a: 1 }], default: {} }, { a: 1 }],
    ['a constant before either', { const: 1, default: 2 }, 1],
    ['a default before a choice', { default: 'b', enum: ['a', 'b'] }, 'b'],
    ['a choice', { enum: ['a', 'b'] }, 'a'],
    ['a choice that all parts list', { allOf: [{ enum: ['a', 'b'] }, { enum: ['b', 'c'] }] }, 'b'],
    ['what is required', { ...needs({ a: text }), properties: { a: text, b: text } }, { a: 'text' }],
    ['some members when none is required', { properties: { a: { type: 'boolean' } } }, { a: false }],
    ['none of them when it is minimal', { properties: { a: text } }, {}, { isMinimal: true }],
    ['none of them within another', needs({ a: { properties: { b: text } } }), { a: {} }],
    ['a required member of which nothing is said', { required: ['a'] }, { a: {} }],
    ['what other members are', { required: ['a'], additionalProperties: text }, { a: 'text' }],
    ['an item of a list', { items: { type: 'integer' } }, [0]],
    ['no item when it is minimal', { items: { type: 'integer' } }, [], { isMinimal: true }],
    ['as many items as there must be', { type: 'array', items: { const: 1 }, minItems: 3 }, [1, 1, 1]],
    ['no more items than there may be', { items: text, maxItems: 0 }, []],
    ['fixed items', { prefixItems: [{ const: 1 }, text], items: false }, [1, 'text']],
    [
      'fixed items and then others',
      { prefixItems: [text], items: { const: 1 }, minItems: 3 },
      ['text', 1, 1],
    ],
    ['the first of two forms', { anyOf: [{ type: 'integer', minimum: 3 }, text] }, 3],
    ['a form before null', { anyOf: [{ type: 'null' }, text] }, 'text'],
    ['a type before null', { type: ['null', 'string'] }, 'text'],
    ['a form that can be', { oneOf: [false, text] }, 'text'],
    ['a form of the right type', { type: 'number', anyOf: [text, { minimum: 2 }] }, 2],
    [
      'all parts together',
      {
        allOf: [needs({ a: { default: 1 } }), { examples: [{ b: 2 }] }],
        oneOf: [needs({ c: text }), { type: 'null' }],
      },
      { b: 2, a: 1, c: 'text' },
    ],
    [
      'a member as all parts describe it',
      { ...needs({ kind: { enum: ['a', 'b'] } }), oneOf: [{ properties: { kind: { const: 'b' } } }] },
      { kind: 'b' },
    ],
    ['what is referred to', { $ref: '#/$defs/a~1b%25', $defs: { 'a/b%': { const: 4 } } }, 4],
    ['what is beside a reference', { $ref: '#/$defs/n', minimum: 5, $defs: { n: { type: 'integer' } } }, 5],
    ['of a reference to nowhere, anything', { $ref: '#/$defs/none' }, {}],
    ['what a part of a document refers to', { $ref: '#/a/b' }, 'text', { root: { a: { b: text } } }],
    [
      'no text where none is asked for',
      needs({ a: text, b: { type: 'string', minLength: 2 } }),
      { a: '', b: '..' },
      { text: '' },
    ],
    ['the end of what contains itself', { $ref: '#/$defs/node', $defs: { node } }, { value: 7, next: null }],
    [
      'no item that contains the list again',
      { $ref: '#/$defs/tree', $defs: { tree: needs({ of: { items: { $ref: '#/$defs/tree' } } }) } },
      { of: [] },
    ],
    ['a text of the right length', { ...text, minLength: 6, maxLength: 6 }, 'text..'],
    ['a short text', { ...text, maxLength: 2 }, 'te'],
    ['a text in a format', { ...text, format: 'date' }, '2026-01-31'],
    ['a number above another', { type: 'integer', exclusiveMinimum: 3 }, 4],
    ['a number below another', { type: 'number', exclusiveMaximum: 0 }, -1],
    ['a number between two', { type: 'number', exclusiveMinimum: 0, exclusiveMaximum: 1 }, 0.5],
    ['a multiple', { type: 'number', exclusiveMinimum: 10, multipleOf: 5 }, 15],
    ['a multiple below zero', { type: 'integer', maximum: -4, multipleOf: 3 }, -6],
    ['anything', true, {}],
    ['anything at all', {}, {}],
    ['null where nothing fits', false, null],
  ])('is %s', (_, schema, expected, options) => {
    expect(sampleOf(schema, options)).toEqual(expected);
  });

  it('has no prototype but the usual one, whatever a member is called', () => {
    const schema = JSON.parse(
      '{"required":["__proto__","constructor"],"properties":{"__proto__":{}}}',
    ) as object;
    const sample = sampleOf(schema) as object;
    expect(JSON.stringify(sample)).toBe('{"__proto__":{},"constructor":{}}');
    expect(Object.getPrototypeOf(sample)).toBe(Object.prototype);
  });
});

/** A schema of the supported keywords, which something fits. */
function randomSchema(random: Random, depth = 0): Record<string, unknown> {
  const { below, pick } = random;
  const inner = (): unknown => (below(12) === 0 ? true : randomSchema(random, depth + 1));
  const some = (most: number): unknown[] => Array.from({ length: 1 + below(most) }, inner);
  const from = below(40) - 20;
  const to = from + 1 + below(20);
  const makers: (() => Record<string, unknown>)[] = [
    () => ({ ...text, minLength: below(9), maxLength: 9 + below(9) }),
    () => ({
      type: pick(['string', ['null', 'string']]),
      format: pick(['date', 'date-time', 'uuid', 'email']),
    }),
    () => ({
      type: 'integer',
      minimum: from,
      maximum: to,
      ...(to - from > 4 && { multipleOf: pick([1, 2, 4]) }),
    }),
    () => ({ type: 'number', exclusiveMinimum: from, exclusiveMaximum: to }),
    () => ({ type: 'boolean' }),
    () => ({ const: pick([null, 1, 'a', [1]]) }),
    () => ({ enum: [pick(['a', 1, null]), 'b'] }),
    () => ({ ...text, examples: ['Ada'], default: 'Bob' }),
    () => ({ $ref: pick(['#/$defs/name', '#/$defs/node']) }),
  ];
  if (depth < 4) {
    makers.push(
      () => ({ type: 'array', items: inner(), minItems: below(3), maxItems: 3 + below(3) }),
      () => ({ type: 'array', prefixItems: some(3), items: false }),
      () => {
        const properties = Object.fromEntries(some(4).map((schema, i) => [`m${i}`, schema]));
        const required = Object.keys(properties).filter(() => below(2) === 0);
        return { type: 'object', properties, required, additionalProperties: below(2) === 0 };
      },
      () => ({ anyOf: some(3) }),
      () => ({ oneOf: some(3) }),
      () => ({ allOf: [needs({ x: inner() }), { type: 'object' }], ...needs({ y: inner() }) }),
    );
  }
  return pick(makers)();
}

const $defs = { name: { ...text, minLength: 1 }, node };

describe('over some hundred random schemas a sample', () => {
  const schemas = Array.from({ length: 300 }, (_, seed) => ({
    ...randomSchema(createRandom(seed)),
    $defs,
  }));

  it.each([[false], [true]])(
    'mostly fits, when it is minimal: %s',
    (isMinimal) => {
      const misfits = schemas.filter(
        (schema) => createValidator(schema)(sampleOf(schema, { isMinimal })).length > 0,
      );
      // Of two forms the first is taken, though oneOf allows no value that both take.
      expect(misfits.length).toBeLessThan(15);
      expect(misfits.filter((schema) => !JSON.stringify(schema).includes('"oneOf"'))).toEqual([]);
      // Each of them is compiled, which takes long where others want the processor too.
    },
    60_000,
  );

  it('is JSON for whatever becomes of them', () => {
    for (const [seed, schema] of schemas.entries()) {
      const random = createRandom(seed);
      for (let n = 0; n < 5; n += 1) assertBounded(mutate(random, schema));
    }
  });
});

/** Is JSON, of no great size, and was made quickly. */
function assertBounded(schema: unknown): void {
  const startedAt = performance.now();
  const sample = JSON.stringify(sampleOf(schema));
  // Some ms when the machine has nothing else to do.
  expect(performance.now() - startedAt).toBeLessThan(500);
  expect(sample).toEqual(expect.any(String));
  expect(sample.length).toBeLessThan(120_000);
}

describe('a hostile schema', () => {
  const letters = [...'abcdefgh'];
  const wide = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`m${i}`, { $ref: '#' }]));
  const long = 'x'.repeat(200_000);
  const circle: Record<string, unknown> = { type: 'object', required: ['a'] };
  circle['properties'] = { a: circle };
  circle['allOf'] = [circle];
  let deep: unknown = true;
  for (let n = 0; n < 100_000; n += 1) deep = { allOf: [deep] };
  const references = Array.from({ length: 20_000 }, (_, i) => [`d${i}`, { $ref: `#/$defs/d${i + 1}` }]);
  const chain = { $ref: '#/$defs/d0', $defs: { ...Object.fromEntries(references), d20000: text } };

  it.each<[string, unknown]>([
    [
      'has members of the wrong kinds',
      { required: 7, examples: {}, properties: [], enum: 'a', allOf: 1, type: {} },
    ],
    [
      'has items of the wrong kinds',
      { type: [1, null], required: [7, null], properties: { a: 7 }, anyOf: [7, null] },
    ],
    ['has bounds of the wrong kinds', { type: 'string', minLength: 'x', maxLength: null, format: 7 }],
    ['has bounds that are no number', { type: 'integer', minimum: NaN, maximum: -Infinity, multipleOf: 0 }],
    ['has bounds that contradict', { type: 'number', minimum: 5, maximum: 3, multipleOf: -2 }],
    ['asks for numbers out of reach', { type: 'number', exclusiveMinimum: 1.7e308, multipleOf: 1e308 }],
    ['asks for a huge list', { type: 'array', minItems: 1e9, items: text }],
    ['asks for an endless list', { type: 'array', minItems: Infinity }],
    ['asks for a negative length', { type: 'string', maxLength: -3, minLength: -9 }],
    ['asks for lists of lists', { minItems: 4_000, items: { minItems: 4_000, items: { minItems: 4_000 } } }],
    ['asks for a huge text', { type: 'string', minLength: 1e9 }],
    ['asks for many long texts', { minItems: 3_000, items: { type: 'string', minLength: 15_000 } }],
    ['multiplies an example', { minItems: 3_000, items: { examples: [long] } }],
    ['multiplies an example that is wide', { minItems: 3_000, items: { examples: [wide] } }],
    ['multiplies a list', { minItems: 3_000, items: { enum: [Object.values(wide)] } }],
    ['multiplies a name', { minItems: 3_000, items: needs({ [long]: true }) }],
    ['refers to itself', { $ref: '#' }],
    ['refers in a long chain', chain],
    [
      'refers in a circle',
      { $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } } },
    ],
    ['refers by a long path', { minItems: 3_000, items: { $ref: `#${'/a'.repeat(100_000)}` } }],
    ['has a pointer that is none', { $ref: '#/%E0%A4%A/~' }],
    ['branches into billions', needs(Object.fromEntries(letters.map((name) => [name, { $ref: '#' }])))],
    [
      'branches in choices',
      { anyOf: letters.map(() => ({ $ref: '#' })), allOf: letters.map(() => ({ $ref: '#' })) },
    ],
    [
      'has many parts with choices',
      {
        allOf: Array.from({ length: 3_000 }, () => ({
          type: ['object', 'null'],
          anyOf: [{ type: 'object' }],
        })),
      },
    ],
    ['branches widely', needs(wide)],
    [
      'has many members for each of many',
      { properties: wide, required: Object.keys(wide), items: { $ref: '#' } },
    ],
    ['contains itself', circle],
    ['is deep', deep],
    ['is no schema', 7],
    ['is a list', []],
    ['is null', null],
    ['is nothing', undefined],
  ])('that %s gets a sample all the same', (_, schema) => {
    assertBounded(schema);
  });
});
