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
});
