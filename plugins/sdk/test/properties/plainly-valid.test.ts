import { describe, expect, it } from 'vitest';
import { assertValid } from '../../src/compiled-schema.ts';
import { isPlainlyValid } from '../../src/plainly-valid.ts';
import type { JsonSchema } from '../../src/protocol/plugin.ts';
import { createRandom, mutate } from '../../src/testing/random.ts';
import { Type } from '../../src/type.ts';

const schemas: unknown[] = [
  true,
  {},
  Type.Object({ text: Type.String({ minLength: 1, pattern: '^a+$', format: 'email' }) }),
  Type.Object({ n: Type.Optional(Type.Integer({ minimum: 0, exclusiveMaximum: 5, multipleOf: 2 })) }),
  Type.Array(Type.Union([Type.Literal('a'), Type.Null(), Type.Boolean()]), {
    uniqueItems: true,
    maxItems: 3,
  }),
  {
    prefixItems: [
      { type: 'number', default: 1 },
      { type: 'string', examples: ['a'] },
    ],
    items: false,
  },
  { type: ['string', 'null'], enum: ['a', null], description: 'a', deprecated: true },
  { allOf: [{ not: { const: 1 } }, { oneOf: [true, false] }], minProperties: 1, additionalProperties: false },
  {
    type: 'object',
    properties: JSON.parse('{"__proto__": {"type": "string"}, "constructor": true}') as unknown,
  },
];

/** Whether the schema of schemas takes it. */
function isValid(schema: unknown): boolean {
  try {
    assertValid(schema as JsonSchema);
    return true;
  } catch {
    return false;
  }
}

describe('a schema that is plainly valid', () => {
  it('is one of those that most plugins have', () => {
    for (const schema of schemas) expect(isPlainlyValid(schema), JSON.stringify(schema)).toBe(true);
  });

  it('is valid by the schema of schemas too, whatever somebody has written', () => {
    const counts = { plainly: 0, invalid: 0 };
    for (let seed = 1; seed <= 6_000; seed += 1) {
      const random = createRandom(seed);
      const schema = mutate(random, JSON.parse(JSON.stringify(random.pick(schemas))));
      const isRight = isValid(schema);
      if (isPlainlyValid(schema)) {
        counts.plainly += 1;
        expect(isRight, JSON.stringify(schema)).toBe(true);
      }
      if (!isRight) counts.invalid += 1;
    }
    expect(counts.plainly).toBeGreaterThan(500);
    expect(counts.invalid).toBeGreaterThan(1_000);
  });

  it.each([
    [{ type: 'text' }],
    [{ type: [] }],
    [{ type: ['string', 'string'] }],
    [{ required: ['a', 'a'] }],
    [{ required: 'a' }],
    [{ properties: [] }],
    [{ properties: { a: 1 } }],
    [{ anyOf: [] }],
    [{ minLength: -1 }],
    [{ minLength: 0.5 }],
    [{ multipleOf: 0 }],
    [{ pattern: '(' }],
    [{ pattern: 'a\\Z' }],
    [{ $ref: '#/a' }],
    [{ $id: 'a' }],
    [{ unknown: 1 }],
    [null],
    [[]],
    ['string'],
  ])('is not %j', (schema) => {
    expect(isPlainlyValid(schema)).toBe(false);
  });

  it('is not one that is nested beyond measure', () => {
    let schema: unknown = {};
    for (let i = 0; i < 10_000; i += 1) schema = { items: schema };
    expect(isPlainlyValid(schema)).toBe(false);
  });
});
