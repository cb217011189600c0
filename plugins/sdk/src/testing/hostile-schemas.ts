export interface HostileSchema {
  what: string;
  schema: unknown;
  /** As JSON: what hurts most with it. */
  payload: string;
}

const times = <T>(count: number, make: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i));

/** Around each other, the innermost last. */
function nested(levels: number, wrap: (inner: unknown) => unknown, inner: unknown): unknown {
  return times(levels, () => wrap).reduce((schema, around) => around(schema), inner);
}

/** Each definition asks twice for the next: of 32 there are four billion ways. */
const doubling = (keyword: string): unknown => ({
  $ref: '#/$defs/d0',
  $defs: {
    ...Object.fromEntries(
      times(32, (i) => [`d${i}`, { [keyword]: times(2, () => ({ $ref: `#/$defs/d${i + 1}` })) }]),
    ),
    d32: { type: 'object' },
  },
});

const slow = `{"a": "${'a'.repeat(40)}!"}`;

/** What a plugin may say of itself that could hurt whoever reads it. Each is nested within the 64 levels of a descriptor. */
export const hostileSchemas: readonly HostileSchema[] = [
  {
    what: 'a pattern that backtracks',
    schema: { properties: { a: { type: 'string', pattern: '^(a+)+$' } } },
    payload: slow,
  },
  {
    what: 'a pattern of names that backtracks',
    schema: { patternProperties: { '^(a+)+$': { type: 'null' } } },
    payload: `{"${'a'.repeat(40)}!": 1}`,
  },
  { what: 'a pattern that is none', schema: { properties: { a: { pattern: '(' } } }, payload: slow },
  {
    what: 'a pattern of 200,000 characters',
    schema: { properties: { a: { pattern: '(a|'.repeat(50_000) + 'b' + ')'.repeat(50_000) } } },
    payload: slow,
  },
  {
    what: 'an enum of 50,000 values',
    schema: { properties: { a: { enum: times(50_000, (i) => `v${i}`) } } },
    payload: slow,
  },
  {
    what: 'an enum of objects',
    schema: { enum: times(5_000, (i) => ({ valueOf: i, __proto__: i })) },
    payload: '{"valueOf": 1, "toString": 1}',
  },
  {
    what: '10,000 members',
    schema: {
      properties: Object.fromEntries(times(10_000, (i) => [`m${i}`, { type: 'string' }])),
      required: times(10_000, (i) => `m${i}`),
    },
    payload: '{}',
  },
  {
    what: '2,000 alternatives',
    schema: { oneOf: times(2_000, (i) => ({ type: 'object', properties: { kind: { const: i } } })) },
    payload: '{"kind": 1999}',
  },
  {
    what: 'alternatives of alternatives',
    schema: nested(12, (inner) => ({ anyOf: [inner, inner] }), { type: 'string' }),
    payload: '{}',
  },
  { what: 'definitions that double', schema: doubling('allOf'), payload: '{}' },
  { what: 'alternatives that double', schema: doubling('anyOf'), payload: '[]' },
  {
    what: 'a circle',
    schema: { $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } } },
    payload: '{}',
  },
  { what: 'itself', schema: { $ref: '#' }, payload: '{}' },
  {
    what: 'itself as its own part, required',
    schema: { type: 'object', properties: { a: { $ref: '#' } }, required: ['a'] },
    payload: '{"a": {"a": {}}}',
  },
  {
    what: 'itself twice as its own part, required',
    schema: { type: 'array', items: { $ref: '#' }, minItems: 2 },
    payload: '[[[]]]',
  },
  {
    what: '60 levels',
    schema: nested(20, (inner) => ({ properties: { a: inner }, additionalProperties: inner === true }), true),
    payload: slow,
  },
  {
    what: 'lists that have to be long',
    schema: nested(6, (inner) => ({ type: 'array', minItems: 1_000, items: inner }), {
      type: 'string',
      minLength: 1_000_000,
    }),
    payload: '[]',
  },
  { what: 'a text that has to be long', schema: { type: 'string', minLength: 1e9 }, payload: '""' },
  {
    what: 'members called like those of every object',
    schema: JSON.parse(
      '{"properties":{"__proto__":{"type":"string"},"constructor":{"type":"null"},"toString":{"default":{"__proto__":{"x":1}}}},"required":["__proto__","hasOwnProperty"]}',
    ),
    payload: '{"__proto__": 1}',
  },
  {
    what: 'keywords of the wrong kind',
    schema: {
      type: {},
      properties: [],
      required: { a: 1 },
      enum: 'a',
      items: 7,
      allOf: {},
      $ref: 5,
      minLength: 'x',
      pattern: [],
      $defs: null,
    },
    payload: '{}',
  },
  {
    what: 'numbers that are none',
    schema: { minimum: 'x', multipleOf: 0, maximum: 1e308, minItems: 1e308 },
    payload: '1',
  },
  {
    what: 'another dialect',
    schema: { $schema: 'http://json-schema.org/draft-07/schema#', type: 'string' },
    payload: '""',
  },
  { what: 'an $id that is no address', schema: { $id: 'http://[', $ref: 'x' }, payload: '1' },
  {
    what: 'what a validator marks schemas with',
    schema: { $ref: '#/$defs/a', __absolute_ref__: 'x', __absolute_uri__: 1, $defs: { a: {} } },
    payload: '1',
  },
  {
    what: 'a title and description of 200,000 characters',
    schema: { title: 'x'.repeat(200_000), description: '\u202e\u0000'.repeat(100_000) },
    payload: '1',
  },
];
