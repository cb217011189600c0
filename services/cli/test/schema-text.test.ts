import { expect, it } from 'vitest';
import { schemaText } from '../src/schema-text.ts';

it.each([
  [true, 'anything'],
  [false, 'nothing'],
  [null, 'anything'],
  [{}, 'anything'],
  [{ type: 'string', minLength: 1, maxLength: 100 }, 'string 1–100'],
  [{ type: 'integer', minimum: 0 }, 'integer ≥ 0'],
  [{ type: ['string', 'null'] }, 'string | null'],
  [{ enum: ['a', 1, null] }, '"a" | 1 | null'],
  [{ const: 'a' }, '"a"'],
  [{ anyOf: [{ type: 'string' }, { type: 'number', maximum: 5 }] }, 'string | number ≤ 5'],
  [{ type: 'array', items: { type: 'string' } }, 'string[]'],
  [{ type: 'array' }, 'anything[]'],
  [{ type: 'object' }, '{}'],
  [{ type: 'object', properties: 'wrong' }, '{}'],
  [
    {
      type: 'object',
      required: ['name'],
      properties: { name: { type: 'string' }, deep: { properties: { a: true } } },
    },
    '{name: string, deep?: {a?: anything}}',
  ],
])('%j reads %s', (schema, text) => {
  expect(schemaText(schema)).toBe(text);
});

it('ends, also for a schema without an end', () => {
  const endless: Record<string, unknown> = { type: 'object', required: ['a'] };
  endless['properties'] = { a: endless };
  expect(schemaText(endless)).toBe('{a: {a: {a: {…}}}}');
  const deep = JSON.parse(`${'{"type":"array","items":'.repeat(5_000)}true${'}'.repeat(5_000)}`) as unknown;
  expect(schemaText(deep)).toBe(`…${'[]'.repeat(13)}`);
});
