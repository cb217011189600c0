import { describe, expect, it } from 'vitest';
import type { Schema } from '../src/lib/json-schema.ts';
import { sampleFromSchema } from '../src/lib/sample-from-schema.ts';
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

describe('sampleFromSchema', () => {
  it('prefers an example, then the default, then a value made from the type', () => {
    expect(sampleFromSchema({ type: 'object', examples: [{ input: 'Guten Morgen' }], default: {} })).toEqual({
      input: 'Guten Morgen',
    });
    expect(sampleFromSchema({ type: 'object', default: { a: 1 } })).toEqual({ a: 1 });
    expect(
      sampleFromSchema({
        type: 'object',
        properties: { id: { type: 'string', examples: ['x'] } },
        required: ['id'],
      }),
    ).toEqual({ id: 'x' });
  });

  it('shows every required member and no other', () => {
    expect(sampleFromSchema(tensor)).toEqual({ name: 'x', shape: [0], datatype: 'FP32' });
  });

  it('shows what can be sent when nothing is required', () => {
    expect(sampleFromSchema({ type: 'object', properties: { a: { type: 'boolean' } } })).toEqual({
      a: false,
    });
  });

  it('follows references, also in a schema that contains itself', () => {
    const tree: Schema = {
      $ref: '#/$defs/node',
      $defs: {
        node: {
          type: 'object',
          properties: { next: { $ref: '#/$defs/node' }, v: { const: 7 } },
          required: ['next', 'v'],
        },
      },
    };
    expect(sampleFromSchema(tree)).toMatchObject({ v: 7, next: { v: 7 } });
  });

  it('takes the first choice and joins all parts', () => {
    const joined: Schema = {
      allOf: [{ properties: { a: { const: 1 } }, required: ['a'] }],
      oneOf: [{ properties: { b: { const: 2 } }, required: ['b'] }, { type: 'null' }],
    };
    expect(sampleFromSchema(joined)).toEqual({ a: 1, b: 2 });
    expect(sampleFromSchema({ anyOf: [{ type: 'integer', minimum: 3 }, { type: 'string' }] })).toBe(3);
  });

  it('stays inside the limits of numbers and lists', () => {
    expect(sampleFromSchema({ type: 'number', exclusiveMinimum: 10, multipleOf: 5 })).toBe(15);
    expect(sampleFromSchema({ type: 'integer', maximum: -4 })).toBe(-4);
    expect(sampleFromSchema({ type: 'array', items: { type: 'null' }, minItems: 3 })).toEqual([
      null,
      null,
      null,
    ]);
  });

  it('gives an empty object where anything goes', () => {
    expect(sampleFromSchema(true)).toEqual({});
    expect(sampleFromSchema({})).toEqual({});
  });
});

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
