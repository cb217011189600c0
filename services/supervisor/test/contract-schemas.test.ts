import { expect, it } from 'vitest';
import { Type } from '@bkg/sdk';
import { lines, number, object, ofInput, ofOutput, text, whole } from './contract-kit.ts';

type Case = [name: string, before: unknown, after: unknown, expected: string[]];

const inputCases: Case[] = [
  [
    'a required property more',
    object({}),
    object({ a: text }, ['a']),
    ['input_required /properties/a: "a" is required now, was not known'],
  ],
  [
    'a property that becomes required',
    object({ a: text }),
    object({ a: text }, ['a']),
    ['input_required /properties/a: "a" is required now, was optional'],
  ],
  [
    'one that is required and not described',
    object({}),
    object({}, ['a']),
    ['input_required /required: "a" is required now, was not known'],
  ],
  ['an optional property more', object({}), object({ a: text }), ['? /properties/a: "a" is new']],
  [
    'one that is required no more',
    object({ a: text }, ['a']),
    object({ a: text }),
    ['? /properties/a: "a" is optional now, was required'],
  ],
  [
    'one that is described no more',
    object({ a: text }, ['a']),
    object({}),
    ['? /properties/a: "a" is not described any more'],
  ],
  [
    'one that is refused from now on',
    object({ a: text }, [], { additionalProperties: false }),
    object({}, [], { additionalProperties: false }),
    ['input_narrowed /properties/a: "a" is refused now, was taken'],
  ],
  [
    'other properties that are refused from now on',
    object({}),
    object({}, [], { additionalProperties: false }),
    ['? /additionalProperties: additionalProperties is false now, was not set'],
  ],
  [
    'a type less',
    object({ a: { type: ['string', 'integer'] } }),
    object({ a: text }),
    ['input_narrowed /properties/a: takes string now, took string or integer'],
  ],
  [
    'a type more',
    object({ a: text }),
    object({ a: { type: ['string', 'null'] } }),
    ['? /properties/a: takes string or null now, took string'],
  ],
  [
    'another type',
    object({ a: text }),
    object({ a: whole }),
    ['input_narrowed /properties/a: takes integer now, took string'],
  ],
  [
    'a type where there was none',
    object({ a: {} }),
    object({ a: text }),
    ['input_narrowed /properties/a: takes string now, took anything'],
  ],
  [
    'no type where there was one',
    object({ a: text }),
    object({ a: true }),
    ['? /properties/a: takes anything now, took string'],
  ],
  ['nothing any more', text, false, ['input_narrowed : takes nothing now, took string']],
  [
    'integers only',
    object({ a: number }),
    object({ a: whole }),
    ['input_narrowed /properties/a: takes integer now, took number'],
  ],
  [
    'all numbers',
    object({ a: whole }),
    object({ a: number }),
    ['? /properties/a: takes number now, took integer'],
  ],
  [
    'a value less',
    { enum: ['a', 'b', 'c'] },
    { enum: ['a', 'b'] },
    ['input_narrowed : takes "a" or "b" now, took "a", "b" or "c"'],
  ],
  ['a value more', { enum: ['a'] }, { enum: ['a', 'b'] }, ['? : takes "a" or "b" now, took "a"']],
  ['some values only', text, { enum: ['a'] }, ['input_narrowed : takes "a" now, took string']],
  ['any value of the type', { type: 'string', enum: ['a'] }, text, ['? : takes string now, took "a"']],
  [
    'a member less of a choice of constants',
    Type.Union([Type.Literal('a'), Type.Literal('b')]),
    Type.Union([Type.Literal('a')]),
    ['input_narrowed : takes "a" now, took "a" or "b"'],
  ],
  [
    'a member less of a choice of types',
    Type.Union([Type.String(), Type.Null()]),
    Type.String(),
    ['input_narrowed : takes string now, took string or null'],
  ],
  [
    'a value of many',
    { enum: Array.from({ length: 20 }, (_, i) => i) },
    { enum: [...Array.from({ length: 19 }, (_, i) => i), 'x'] },
    ['input_narrowed : takes "x" in addition now, and 19 no more'],
  ],
  [
    'the object in an object',
    object({ a: object({ b: object({ c: text }) }) }),
    object({ a: object({ b: object({ c: whole }, ['c']) }) }),
    [
      'input_required /properties/a/properties/b/properties/c: "c" is required now, was optional',
      'input_narrowed /properties/a/properties/b/properties/c: takes integer now, took string',
    ],
  ],
  [
    'a name with slashes',
    object({ 'a/b~': text }),
    object({ 'a/b~': whole }),
    ['input_narrowed /properties/a~1b~0: takes integer now, took string'],
  ],
  [
    'what is in an array',
    { type: 'array', items: object({ a: text }) },
    { type: 'array', items: object({ a: text }, ['a']) },
    ['input_required /items/properties/a: "a" is required now, was optional'],
  ],
  [
    'an array of anything',
    { type: 'array' },
    { type: 'array', items: text },
    ['input_narrowed /items: takes string now, took anything'],
  ],
  [
    'a tuple',
    { type: 'array', prefixItems: [text, text] },
    { type: 'array', prefixItems: [text, whole] },
    ['input_narrowed /prefixItems/1: takes integer now, took string'],
  ],
  [
    'an array that becomes a tuple',
    { type: 'array', items: number },
    { type: 'array', prefixItems: [whole], items: number },
    ['input_narrowed /prefixItems/0: takes integer now, took number'],
  ],
  [
    'another keyword',
    { type: 'integer', minimum: 1, maximum: 9 },
    { type: 'integer', minimum: 3, format: 'x' },
    [
      '? /format: format is "x" now, was not set',
      '? /maximum: maximum is not set now, was 9',
      '? /minimum: minimum is 3 now, was 1',
    ],
  ],
];

const outputCases: Case[] = [
  [
    'a property that may be missing from now on',
    object({ a: text }, ['a']),
    object({ a: text }),
    ['output_optional /properties/a: "a" is optional now, was always there'],
  ],
  [
    'a property that is gone',
    object({ a: text }, ['a']),
    object({}),
    ['output_optional /properties/a: "a" is gone'],
  ],
  [
    'an optional one that is gone',
    object({ a: text }),
    object({}),
    ['output_optional /properties/a: "a" is gone'],
  ],
  [
    'one that was not described, and is not required any more',
    object({}, ['a']),
    object({}),
    ['output_optional /required: "a" is optional now, was always there'],
  ],
  [
    'one that is there, but may be anything',
    object({ a: text }, ['a']),
    object({}, ['a']),
    ['output_widened /properties/a: returns anything now, returned string'],
  ],
  ['an optional property more', object({}), object({ a: text }), ['? /properties/a: "a" is new']],
  [
    'a property more',
    object({}),
    object({ a: text }, ['a']),
    ['? /properties/a: "a" is always there now, was not known'],
  ],
  [
    'one that is always there now',
    object({ a: text }),
    object({ a: text }, ['a']),
    ['? /properties/a: "a" is always there now, was optional'],
  ],
  [
    'a type more',
    object({ a: text }),
    object({ a: { type: ['string', 'null'] } }),
    ['output_widened /properties/a: returns string or null now, returned string'],
  ],
  [
    'a type less',
    object({ a: { type: ['string', 'null'] } }),
    object({ a: text }),
    ['? /properties/a: returns string now, returned string or null'],
  ],
  ['another type', text, whole, ['output_widened : returns integer now, returned string']],
  ['no type any more', text, {}, ['output_widened : returns anything now, returned string']],
  ['a type at last', true, text, ['? : returns string now, returned anything']],
  ['all numbers', whole, number, ['output_widened : returns number now, returned integer']],
  ['integers only', number, whole, ['? : returns integer now, returned number']],
  [
    'a value more',
    { enum: [1, { a: 1 }] },
    { enum: [{ a: 1 }, 1, null] },
    ['output_widened : returns {"a":1}, 1 or null now, returned 1 or {"a":1}'],
  ],
  ['a value less', { enum: ['a', 'b'] }, { const: 'a' }, ['? : returns "a" now, returned "a" or "b"']],
  [
    'what is in an array',
    { type: 'array', items: object({ a: text }, ['a']) },
    { type: 'array', items: object({ a: {} }) },
    [
      'output_optional /items/properties/a: "a" is optional now, was always there',
      'output_widened /items/properties/a: returns anything now, returned string',
    ],
  ],
  [
    'an array of anything',
    { type: 'array', items: text },
    { type: 'array' },
    ['output_widened /items: returns anything now, returned string'],
  ],
  [
    'an object that becomes a list of them: as a whole',
    object({ a: text }, ['a']),
    { type: 'array', items: object({ a: text }, ['a']) },
    ['output_widened : returns array now, returned object'],
  ],
];

const prefixed = (expected: string[], root: string) =>
  expected.map((line) =>
    line.replace(/^(\S+) (\/\S*)?:/, (_, rule: string, at = '') => `${rule} ${root}${at}:`),
  );

it.each(inputCases)('input: %s', (_, before, after, expected) => {
  expect(lines(ofInput(before, after))).toEqual(prefixed(expected, '/input_schema'));
});

it.each(outputCases)('output: %s', (_, before, after, expected) => {
  expect(lines(ofOutput(before, after))).toEqual(prefixed(expected, '/output_schema'));
});
