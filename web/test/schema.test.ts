import { describe, expect, it } from 'vitest';
import type { Schema } from '../src/lib/json-schema.ts';
import { schemaRows, signatureOf } from '../src/lib/schema-rows.ts';

const tensor: Schema = {
  type: 'object',
  properties: {
    name: { type: 'string', minLength: 1, description: 'As the model calls it.' },
    shape: { type: 'array', items: { type: 'integer', minimum: 0 } },
    datatype: { enum: ['FP32', 'INT64'] },
    note: { type: ['string', 'null'] },
  },
  required: ['name', 'shape', 'datatype'],
};

describe('schemaRows', () => {
  it('tells name, type, limits and need of every member', () => {
    expect(schemaRows(tensor)).toEqual([
      {
        name: 'name',
        depth: 0,
        type: 'string',
        required: true,
        limits: ['not empty'],
        description: 'As the model calls it.',
      },
      { name: 'shape', depth: 0, type: 'integer[]', required: true, limits: [], description: '' },
      { name: '[ ]', depth: 1, type: 'integer', required: true, limits: ['≥ 0'], description: '' },
      {
        name: 'datatype',
        depth: 0,
        type: 'string',
        required: true,
        limits: ['one of "FP32", "INT64"'],
        description: '',
      },
      { name: 'note', depth: 0, type: 'string or null', required: false, limits: [], description: '' },
    ]);
  });

  it('keeps the first line when it says something itself', () => {
    expect(schemaRows({ ...tensor, description: 'A tensor.' })[0]).toMatchObject({
      name: '',
      description: 'A tensor.',
    });
  });

  it('ends in a schema that contains itself', () => {
    const endless: Schema = { type: 'object', properties: { again: { $ref: '#' } } };
    const rows = schemaRows(endless);
    expect(rows.length).toBeLessThan(20);
    expect(rows.at(-1)?.limits).toContain('nested further, see the raw schema');
  });

  it('shows a reference that leads nowhere as what it is', () => {
    expect(schemaRows({ $ref: 'https://example.org/x' })).toMatchObject([
      { type: 'reference', limits: ['https://example.org/x'] },
    ]);
  });
});

describe('signatureOf', () => {
  it('names the members and marks those that can be left out', () => {
    expect(signatureOf(tensor)).toBe('{name, shape, datatype, note?}');
    expect(signatureOf({ type: 'array', items: { type: 'string' } })).toBe('string[]');
    expect(signatureOf({ type: 'object' })).toBe('{…}');
    expect(signatureOf(true)).toBe('anything');
  });
});
