import { describe, expect, it } from 'vitest';
import { assertSchema, createValidator } from '../src/validator.ts';

describe('a validator', () => {
  it('takes what fits and names each place that does not', () => {
    const validate = createValidator({
      type: 'object',
      required: ['kind'],
      properties: { kind: { enum: ['a', 'b'] }, at: { type: 'string', format: 'date-time' } },
    });
    expect(validate({ kind: 'a', at: '2026-01-01T00:00:00Z' })).toEqual([]);
    expect(validate({ kind: 'c', at: 'noon' })).toEqual([
      { path: '/kind', message: 'must be equal to one of the allowed values: ["a","b"]' },
      { path: '/at', message: 'must match format "date-time"' },
    ]);
  });

  it('knows 2020-12', () => {
    const validate = createValidator({
      prefixItems: [{ type: 'integer' }],
      items: false,
      unevaluatedItems: false,
    });
    expect(validate([1])).toEqual([]);
    expect(validate([1, 2])).not.toEqual([]);
    expect(createValidator(true)({})).toEqual([]);
    expect(createValidator(false)({})).not.toEqual([]);
  });

  it('gives one complaint about a large value and at most twenty about a small one', () => {
    const validate = createValidator({ type: 'array', items: { type: 'string' } });
    const numbers = Array.from({ length: 50_000 }, (_, i) => i);
    expect(validate(numbers, 250_000)).toHaveLength(1);
    expect(validate(numbers.slice(0, 100), 300)).toHaveLength(20);
  });

  it('does not mix two schemas with the same $id', () => {
    const [text, number] = ['string', 'number'].map((type) =>
      createValidator({ $id: 'urn:example:x', type }),
    );
    expect([text!('a'), number!(1)]).toEqual([[], []]);
    expect(text!(1)).not.toEqual([]);
  });

  it('says when a schema is none', () => {
    expect(() => assertSchema({ type: 'text' })).toThrow(/schema is invalid/);
  });

  it('takes a payload with a member called valueOf or toString for what it is, where it compares', () => {
    for (const name of ['valueOf', 'toString', 'constructor']) {
      const one = { [name]: 1 };
      expect(createValidator({ uniqueItems: true })([one, one])).toMatchObject([{ path: '' }]);
      expect(createValidator({ uniqueItems: true })([one, { [name]: 2 }])).toEqual([]);
      expect(createValidator({ enum: [{ a: 1 }] })(one)).toHaveLength(1);
      expect(createValidator({ const: one })(structuredClone(one))).toEqual([]);
    }
  });

  it('looks at each of a hundred thousand items once to find two alike', { timeout: 30_000 }, () => {
    const validate = createValidator({ uniqueItems: true });
    const items = Array.from({ length: 100_000 }, (_, i): unknown => (i % 2 === 0 ? i : { i }));
    expect(validate(items, 1e6)).toEqual([]);
    expect(validate([...items, { i: 1 }], 1e6)).toEqual([
      { path: '', message: 'must NOT have duplicate items' },
    ]);
  });

  it('finds in a short time that a long text is no URL', { timeout: 30_000 }, () => {
    const validate = createValidator({ format: 'url' });
    expect(validate(`http://${':'.repeat(500_000)}`, 1e6)).toHaveLength(1);
    expect(validate('https://user:pass:word@example.org:8080/a?b')).toEqual([]);
  });

  it('refuses what is nested deeper than it can follow, and looks no deeper than it has to', () => {
    const deep = JSON.parse('['.repeat(100_000) + ']'.repeat(100_000)) as unknown;
    const tooDeep = [{ path: '', message: 'is nested too deeply to be checked' }];
    expect(createValidator({ items: { $ref: '#' } })(deep, 200_000)).toEqual(tooDeep);
    expect(createValidator({ items: { $ref: '#' } })(deep)).toEqual(tooDeep);
    expect(createValidator({ uniqueItems: true })([deep, [deep]])).toEqual(tooDeep);
    expect(createValidator({ type: 'array' })(deep)).toEqual([]);
  });

  it('has a complaint where ajv fails at looking for all of them', () => {
    // With unevaluatedProperties in a reach of anyOf ajv notes members in what it has not made.
    const validate = createValidator({
      anyOf: [{ additionalProperties: { const: 1 } }],
      patternProperties: { '^a': { type: 'string' } },
      unevaluatedProperties: false,
    });
    expect(validate({ a: 2 })).not.toEqual([]);
    expect(validate({ b: 2 })).not.toEqual([]);
    expect(validate({ b: 1 })).toEqual([]);
  });

  it('reads required names that an object inherits, or that are empty, as any others', () => {
    const validate = createValidator({ required: ['toString', ''] });
    expect(validate({})).toHaveLength(2);
    expect(validate({ toString: 1 })).toEqual([{ path: '', message: "must have required property ''" }]);
    expect(createValidator({ dependentRequired: { a: [''] } })({ a: 1 })).toHaveLength(1);
  });
});
