import { describe, expect, it } from 'vitest';
import { invalidPayload, validPayload } from '../../src/conformance/payloads.ts';

describe('payloads', () => {
  const text = { type: 'string', minLength: 2 };
  const object = (properties: Record<string, unknown>, required = Object.keys(properties)) => ({
    type: 'object',
    properties,
    required,
    additionalProperties: false,
  });

  it.each([
    ['an example before anything else', { ...text, examples: ['Ada'] }, 'Ada'],
    ['members that are required', object({ a: text, b: { type: 'integer', minimum: 3 } }, ['b']), { b: 3 }],
    ['what is nested', object({ a: object({ b: { enum: ['x', 'y'] } }) }), { a: { b: 'x' } }],
    [
      'as many items as there must be',
      { type: 'array', items: { type: 'boolean' }, minItems: 2 },
      [false, false],
    ],
    ['one of several', { anyOf: [{ type: 'null' }, text] }, 'text'],
    ['no more than is asked for', { properties: { a: text } }, {}],
    ['a number below zero', { type: 'number', maximum: -3 }, -3],
    ['a multiple', { type: 'integer', minimum: 5, multipleOf: 4 }, 8],
    ['anything', true, {}],
  ])('that fit are made: %s', (_, schema, payload) => {
    expect(validPayload(schema)).toEqual({ payload });
  });

  it('are not made where the schema asks for more than can be guessed', () => {
    expect(validPayload({ type: 'string', pattern: '^[0-9]{4}$' })).toBeUndefined();
    expect(validPayload({ type: 'string', pattern: '(' })).toBeUndefined();
    const node = { $defs: { node: object({ next: { $ref: '#/$defs/node' } }) }, $ref: '#/$defs/node' };
    expect(validPayload(node)).toBeUndefined();
  });

  it('are not made where the schema asks for more than a message holds', () => {
    const list = (minItems: number, items: object = { type: 'boolean' }) => ({
      type: 'array',
      minItems,
      items,
    });
    const characters = (minLength: number) => ({ type: 'string', minLength });
    expect(validPayload(characters(20_000))).toEqual({ payload: 'text'.padEnd(20_000, '.') });
    expect(validPayload(list(1_500))).toMatchObject({ payload: { length: 1_500 } });
    const before = performance.now();
    for (const schema of [
      characters(20_001),
      characters(1e9),
      object({ a: characters(12_000), b: characters(12_000) }),
      list(4_001),
      list(3e7),
      list(1_000, list(1_000, list(1_000))),
      list(900, characters(1_000)),
      list(Infinity),
    ])
      expect(validPayload(schema)).toBeUndefined();
    // No schema either, and no way around the limit.
    const noCount = { type: 'array', minItems: 'x', items: true };
    expect(validPayload(object({ a: noCount, b: list(3e7) }))).toBeUndefined();
    expect(performance.now() - before).toBeLessThan(5_000);
  });

  it('that do not fit are as close as possible', () => {
    expect(invalidPayload(object({ a: text, b: text }))).toEqual({ payload: { b: 'text' } });
    expect(invalidPayload({ type: 'object' })).toEqual({ payload: [] });
    expect(invalidPayload(true)).toBeUndefined();
  });
});
