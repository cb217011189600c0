import type { Verdict } from './verdicts.ts';

/** Where one of the two is not what JSON Schema 2020-12 says, and nothing here can mend it. A test holds that it is still so. */
export interface Difference {
  why: string;
  schema: unknown;
  /** As JSON. */
  payload: string;
  plugin: Verdict;
  page: Verdict;
}

export const knownDifferences: Difference[] = [
  {
    why: 'ajv does not note which items fit contains: to it all are looked at. The page leaves such schemas to the plugin.',
    schema: { contains: { type: 'string' }, unevaluatedItems: false },
    payload: '["a", 1]',
    plugin: 'takes',
    page: 'cannot check',
  },
  {
    why: 'ajv passes over an if with neither then nor else, and so over what it has looked at: it takes less than it should.',
    schema: { if: { properties: { a: true } }, unevaluatedProperties: false },
    payload: '{"a": 1}',
    plugin: 'refuses',
    page: 'takes',
  },
  {
    why: "The page's validator does not know $dynamicRef, and leaves such schemas to the plugin.",
    schema: { $dynamicRef: '#n', $defs: { x: { $dynamicAnchor: 'n', type: 'null' } } },
    payload: '1',
    plugin: 'refuses',
    page: 'cannot check',
  },
  {
    why: 'It hands what was looked at down to then, which should begin anew: it takes more than it should.',
    schema: { if: { properties: { a: true } }, then: { unevaluatedProperties: false } },
    payload: '{"a": 1}',
    plugin: 'refuses',
    page: 'takes',
  },
  {
    why: 'It does the same behind a reference: what stands before it is there for what is in allOf.',
    schema: {
      $ref: '#/$defs/a',
      allOf: [{ unevaluatedProperties: false }],
      $defs: { a: { properties: { a: true } } },
    },
    payload: '{"a": 1}',
    plugin: 'refuses',
    page: 'takes',
  },
  {
    why: 'Formats of numbers are of OpenAPI, and it looks at those of texts only.',
    schema: { type: 'integer', format: 'int32' },
    payload: '2147483648',
    plugin: 'refuses',
    page: 'takes',
  },
  {
    why: 'A number that reading changes may be compared otherwise in another language: the page says nothing of it.',
    schema: { maximum: 5 },
    payload: '9007199254740993',
    plugin: 'refuses',
    page: 'takes',
  },
  {
    why: 'What refers to itself without an end has no meaning. The plugin compiles none, the page runs out of stack.',
    schema: { $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/a' } } },
    payload: '1',
    plugin: 'cannot check',
    page: 'cannot check',
  },
  {
    why: 'Another dialect than 2020-12: ajv has no other, and a plugin on the SDK fails. The page reads it as it says.',
    schema: { $schema: 'http://json-schema.org/draft-07/schema#', items: [{ type: 'null' }] },
    payload: '[1]',
    plugin: 'cannot check',
    page: 'refuses',
  },
];
