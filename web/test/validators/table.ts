import { formats } from './format-table.ts';
import { row } from './row.ts';
import type { Row } from './row.ts';

const numbers: Row[] = [
  row(
    '1.0 is an integer',
    { type: 'integer' },
    ['1', '1.0', '-0', '1e3', '1e308', '9007199254740993'],
    ['1.5', '1e-7', '"1"', 'true'],
  ),
  row(
    'an integer among several types',
    { type: ['integer', 'null'] },
    ['1.0', 'null', '1e400'],
    ['0.5', '""'],
  ),
  row('zero has no sign', { const: 0 }, ['0', '-0', '0.0', '-0e5'], ['null', 'false', '"0"', '[]']),
  row('zero has no sign in a list', { enum: [[0], -0] }, ['[-0]', '0'], ['[]', '[false]']),
  row('multiples of a tenth', { multipleOf: 0.1 }, ['0.3', '1.1', '0', '-0.7', '4.35e1'], ['0.35', '1e-7']),
  row(
    'multiples of a cent',
    { multipleOf: 0.01 },
    ['19.99', '0.07', '1e21', '1e308', '4.35', '"x"'],
    ['0.001', '5e-324'],
  ),
  row(
    'multiples of one, however large',
    { multipleOf: 1 },
    ['1e21', '1e308', '9007199254740992', '-5'],
    ['0.5', '5e-324'],
  ),
  row('multiples of the least number', { multipleOf: 5e-324 }, ['5e-324', '1e308', '0'], []),
  row(
    'bounds at the edge',
    { minimum: -1e308, exclusiveMaximum: 1e308 },
    ['-1e308', '9.9e307'],
    ['1e308', '-1.1e308'],
  ),
  row('a bound beyond 2^53', { maximum: 9007199254740992 }, ['9007199254740992'], ['9007199254740994']),
];

const texts: Row[] = [
  row(
    'length in code points',
    { minLength: 2, maxLength: 2 },
    ['"😀😀"', '"ab"', '"\\ud83d\\ude00a"', '5'],
    ['"😀"', '"😀😀😀"', '""'],
  ),
  row('half a pair counts as one', { maxLength: 1 }, ['"\\ud83d"'], ['"\\ud83d\\ud83d"']),
  row('a pattern looks anywhere in a text', { pattern: 'b' }, ['"abc"', '7'], ['"ac"', '""']),
  row('a pattern reads code points', { pattern: '^.$' }, ['"😀"', '"a"'], ['"ab"', '"\\n"']),
  row('a pattern with a property of Unicode', { pattern: '^\\p{L}+$' }, ['"äß漢"'], ['"a1"', '"😀"']),
  row('a pattern with a code point', { pattern: '^[\\u{1F600}-\\u{1F64F}]$' }, ['"😀"'], ['"a"']),
  row('a pattern is not anchored by lines', { pattern: '^a$' }, ['"a"'], ['"a\\nb"']),
];

const names: Row[] = [
  row(
    'members that every object seems to have',
    { properties: { constructor: { type: 'string' }, toString: { type: 'string' } } },
    ['{}', '{"constructor":"a"}'],
    ['{"constructor":1}', '{"toString":null}'],
  ),
  row(
    'required members of those names',
    { required: ['constructor', 'hasOwnProperty'] },
    ['{"constructor":1,"hasOwnProperty":1}', '[]'],
    ['{}', '{"constructor":1}'],
  ),
  row(
    'a member called __proto__',
    '{"properties":{"__proto__":{"type":"string"}},"additionalProperties":false}',
    ['{"__proto__":"a"}', '{}'],
    ['{"__proto__":1}', '{"a":1}'],
  ),
  row('a required one', '{"required":["__proto__"]}', ['{"__proto__":1}'], ['{}']),
  row(
    'a pattern of that name',
    '{"patternProperties":{"__proto__":{"type":"string"}}}',
    ['{"a__proto__b":"a"}'],
    ['{"__proto__":1}', '{"a__proto__b":1}'],
  ),
  row(
    'a member that needs one',
    '{"dependentRequired":{"a":["toString"],"__proto__":["a"]}}',
    ['{}', '{"a":1,"toString":1}'],
    ['{"a":1}', '{"__proto__":1}'],
  ),
  row(
    'a name without characters',
    { required: [''], dependentRequired: { a: [''] } },
    ['{"":1}', '{"a":1,"":null}'],
    ['{}', '{"a":1}'],
  ),
  row(
    'names with signs of pointers and addresses',
    { properties: { 'a/b': false, '~1': false, 'a#b': false, '%23': false, 'ä 😀': false } },
    ['{}', '{"a":1}'],
    ['{"a/b":1}', '{"~1":1}', '{"a#b":1}', '{"%23":1}', '{"ä 😀":1}'],
  ),
  row(
    'members called like keywords',
    {
      properties: { $ref: { type: 'string' }, nullable: { type: 'integer' }, enum: true },
      required: ['$ref'],
    },
    ['{"$ref":"#"}'],
    ['{"$ref":1}', '{"$ref":"","nullable":null}'],
  ),
  row('names of members', { propertyNames: { maxLength: 2 } }, ['{"😀😀":1}'], ['{"abc":1}']),
];

const equality: Row[] = [
  row(
    'objects with the members of every object',
    '{"enum":[{"valueOf":1},{"toString":{}},{"constructor":{"a":1}}]}',
    ['{"valueOf":1}', '{"toString":{}}', '{"constructor":{"a":1}}'],
    ['{"valueOf":2}', '{"toString":1}', '{}', 'null'],
  ),
  row(
    'a constant that is an object, in any order',
    { const: { a: [1, { b: null }], c: 'x' } },
    ['{"c":"x","a":[1.0,{"b":null}]}'],
    ['{"a":[1,{"b":null}]}', '{"a":[1,{}],"c":"x"}', '"x"'],
  ),
  row('one called __proto__', '{"const":{"__proto__":1}}', ['{"__proto__":1}'], ['{}', '{"__proto__":2}']),
  row('no choice at all', { enum: [] }, [], ['null', '{}', '0']),
  row(
    'choices of every kind',
    { enum: [null, true, 1, 'a', [], {}] },
    ['null', 'true', '1.0', '"a"', '[]', '{}'],
    ['false', '"1"', '"true"', '[[]]', '{"a":1}'],
  ),
  row(
    'many choices',
    { enum: Array.from({ length: 300 }, (_, i) => `v${i}`) },
    ['"v299"'],
    ['"v300"', '{"valueOf":1}'],
  ),
  row(
    'no two alike',
    { uniqueItems: true },
    ['[1,"1",true,null,[1],{"a":1}]', '[[],{}]', '[{"a":1},{"a":2}]', '"x"', '[1e400,null]'],
    [
      '[1,1.0]',
      '[0,-0]',
      '["__proto__","__proto__"]',
      '[{"a":1,"b":2},{"b":2,"a":1}]',
      '[{"valueOf":1},{"valueOf":1}]',
      '[[1,[2]],[1,[2]]]',
    ],
  ),
  row('alike when they may be', { uniqueItems: false }, ['[1,1]'], []),
  row(
    'texts only, no two alike',
    { items: { type: 'string' }, uniqueItems: true },
    ['["a","b"]'],
    ['["__proto__","__proto__"]', '["constructor","constructor"]', '["a","a"]'],
  ),
];

const lists: Row[] = [
  row(
    'first items, and no others',
    { prefixItems: [{ type: 'string' }], items: false },
    ['[]', '["a"]'],
    ['["a",1]', '[1]'],
  ),
  row(
    'what is contained, also of an empty list with first items',
    { prefixItems: [{ type: 'string' }], contains: { const: 'a' } },
    ['["a"]', '["b","a"]'],
    ['[]', '["b"]'],
  ),
  row(
    'how much is contained',
    { contains: { type: 'string' }, minContains: 2, maxContains: 3 },
    ['["a","b"]', '[1,"a","b","c"]'],
    ['[]', '["a"]', '["a","b","c","d"]'],
  ),
  row(
    'nothing has to be contained',
    { contains: { type: 'string' }, minContains: 0, maxContains: 1 },
    ['[]', '[1]', '["a"]'],
    ['["a","b"]'],
  ),
  row(
    'items that nothing has looked at',
    { allOf: [{ prefixItems: [true] }], unevaluatedItems: { type: 'null' } },
    ['[1]', '[1,null]', '[]'],
    ['[1,1]'],
  ),
];

const objects: Row[] = [
  row(
    'members that nothing has looked at',
    { properties: { a: true }, allOf: [{ properties: { b: true } }], unevaluatedProperties: false },
    ['{"a":1,"b":1}'],
    ['{"c":1}'],
  ),
  row(
    'those of a branch that was taken',
    {
      if: { required: ['a'] },
      then: { properties: { a: true } },
      else: { properties: { b: true } },
      unevaluatedProperties: false,
    },
    ['{"a":1}', '{"b":1}'],
    ['{"a":1,"b":1}', '{"c":1}'],
  ),
  row(
    'those behind a reference',
    { $ref: '#/$defs/base', unevaluatedProperties: false, $defs: { base: { properties: { a: true } } } },
    ['{"a":1}'],
    ['{"b":1}'],
  ),
  row(
    'those of every option that fits',
    {
      anyOf: [
        { required: ['a'], properties: { a: true } },
        { required: ['b'], properties: { b: true } },
      ],
      unevaluatedProperties: false,
    },
    ['{"a":1}', '{"b":1}', '{"a":1,"b":2}'],
    ['{"a":1,"c":1}', '{}'],
  ),
  row(
    'not those of a neighbour',
    { allOf: [{ properties: { a: true } }, { unevaluatedProperties: false }] },
    ['{}'],
    ['{"a":1}'],
  ),
  row(
    'a schema that depends on a member',
    { dependentSchemas: { a: { required: ['b'] } } },
    ['{}', '{"b":1}', '{"a":1,"b":1}'],
    ['{"a":1}'],
  ),
  row('exactly one', { oneOf: [{ type: 'integer' }, { minimum: 2 }] }, ['1', '2.5', '"x"'], ['3', '1.5']),
  row(
    'how many members',
    { minProperties: 1, maxProperties: 2 },
    ['{"a":1}', '[]'],
    ['{}', '{"a":1,"b":1,"c":1}'],
  ),
];

const references: Row[] = [
  row(
    'itself, below',
    { properties: { next: { $ref: '#' }, v: { type: 'integer' } }, additionalProperties: false },
    ['{"next":{"next":{"v":1}}}'],
    ['{"next":{"next":{"v":"1"}}}', '{"next":{"x":1}}'],
  ),
  row(
    'a name with signs in it',
    { $ref: '#/$defs/a~1b%25c', $defs: { 'a/b%c': { type: 'null' } } },
    ['null'],
    ['1'],
  ),
  row('an anchor', { $ref: '#here', $defs: { x: { $anchor: 'here', type: 'null' } } }, ['null'], ['1']),
  row(
    'an $id within',
    { $id: 'https://example.org/root', $ref: 'item', $defs: { x: { $id: 'item', type: 'null' } } },
    ['null'],
    ['1'],
  ),
  row(
    'what stands beside a reference',
    { $ref: '#/$defs/n', maximum: 5, $defs: { n: { type: 'number' } } },
    ['5'],
    ['6', '"a"'],
  ),
  row(
    'a part that is no definition',
    { properties: { a: { type: 'null' }, b: { $ref: '#/properties/a' } } },
    ['{"b":null}'],
    ['{"b":1}'],
  ),
];

const odd: Row[] = [
  row('true', true, ['null', '{}', '1e400'], []),
  row('false', false, [], ['null', '{}']),
  row('empty', {}, ['null', '[[]]'], []),
  row(
    'keywords that there are none of',
    { nullable: true, id: 'x', discriminator: { propertyName: 'a' }, 'x-a': [{ $ref: 'y' }] },
    ['null', '1'],
    [],
  ),
  row('nullable is none', { type: 'string', nullable: true }, ['"a"'], ['null']),
  row('a format that nobody knows', { format: 'constructor' }, ['"a"', '1'], []),
  row('and another', { format: '__proto__' }, ['"a"'], []),
  row(
    'deep down',
    Array.from({ length: 40 }).reduce<unknown>((inner) => ({ properties: { a: inner } }), { type: 'null' }),
    [`${'{"a":'.repeat(40)}null${'}'.repeat(40)}`, '{"a":{}}'],
    [`${'{"a":'.repeat(40)}1${'}'.repeat(40)}`],
  ),
];

export const table: Row[] = [
  ...numbers,
  ...texts,
  ...names,
  ...equality,
  ...lists,
  ...objects,
  ...references,
  ...odd,
  ...formats,
];
