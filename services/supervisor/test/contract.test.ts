import { expect, it } from 'vitest';
import { Type } from '@bkg/sdk';
import type { PluginCapability } from '@bkg/sdk';
import { compareContracts } from '../src/rollout/contract.ts';
import {
  capability,
  compare,
  descriptor,
  lines,
  number,
  object,
  ofInput,
  ofOutput,
  text,
  whole,
} from './contract-kit.ts';

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

it('JSON that is bytes now, other bytes, and chunks', () => {
  const of = (before: Partial<PluginCapability>, after: Partial<PluginCapability>) =>
    lines(compare(before, after));
  expect(of({ input_type: 'image/*' }, { input_type: 'image/png' })).toEqual([
    'type_changed : input_type is image/png now, was image/*',
  ]);
  expect(of({ input_type: 'image/png' }, { input_type: 'image/*' })).toEqual([
    '? : input_type is image/* now, was image/png',
  ]);
  expect(of({ output_type: 'image/png' }, {})).toEqual([
    'type_changed : output_type is application/json now, was image/png',
  ]);
  expect(of({ stream: true }, { stream: true, chunk_type: 'video/mp4' })).toEqual([
    'type_changed : chunk_type is video/mp4 now, was application/json',
  ]);
  expect(of({ stream: true, chunk_schema: text }, { stream: true, chunk_schema: whole })).toEqual([
    'output_widened /chunk_schema: returns integer now, returned string',
  ]);
  expect(of({}, { stream: true, chunk_type: 'video/mp4' })).toEqual([
    'flag_changed : stream is true now, was false',
  ]);
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
