import { describe, expect, it } from 'vitest';
import { buildForm, offersForm } from '../src/lib/form/build-form.ts';
import type { Field, Shape } from '../src/lib/form/field.ts';
import {
  addItem,
  moveItem,
  removeChild,
  replaceValue,
  setMember,
  textAt,
} from '../src/lib/form/json-edit.ts';
import { placeMistakes, stillTrue, toldMistakes, unsaid } from '../src/lib/form/place-mistakes.ts';
import { parsePayload } from '../src/lib/form/parsed-payload.ts';
import { numberMistake, numberToJson } from '../src/lib/form/scalar.ts';
import { parseTree } from '../src/lib/json-tree.ts';

function form(schema: unknown, text: string): Field {
  const { root, mistake } = parseTree(text);
  if (!root) throw new Error(mistake.message);
  return buildForm(schema, text, root);
}

function shape<K extends Shape['kind']>(field: Field | undefined, kind: K): Extract<Shape, { kind: K }> {
  expect(field?.shape.kind).toBe(kind);
  return field?.shape as Extract<Shape, { kind: K }>;
}

function member(field: Field, name: string): Field {
  const found = shape(field, 'object').members.find((candidate) => candidate.name === name);
  if (!found) throw new Error(`no member ${name}`);
  return found;
}

/** One field of each kind in an object called `m`. */
const one = (schema: unknown, value: string) =>
  member(form({ type: 'object', properties: { m: schema } }, `{"m": ${value}}`), 'm');

describe('editing at a place', () => {
  it('keeps every digit and escape elsewhere', () => {
    const text = '{"a": 1.0, "b": [1e400, 9007199254740993], "ü": "\\u00fc", "c": "old"}';
    const edited = replaceValue(text, '/c', '"new"');
    expect(edited).toBe('{"a": 1.0, "b": [1e400, 9007199254740993], "ü": "\\u00fc", "c": "new"}');
    expect(moveItem(edited, '/b', 0, 1)).toContain('[9007199254740993, 1e400]');
    expect(setMember(edited, '', 'd', '-0')).toContain('"c": "new", "d": -0}');
    expect(addItem(edited, '/b', '3')).toContain('[1e400, 9007199254740993, 3]');
  });

  it('takes members and items away with their comma, wherever they stand', () => {
    expect(removeChild('{"a":1,"b":2,"c":3}', '', 'a')).toBe('{"b":2,"c":3}');
    expect(removeChild('{"a":1,"b":2,"c":3}', '', 'b')).toBe('{"a":1,"c":3}');
    expect(removeChild('{"a":1,"b":2,"c":3}', '', 'c')).toBe('{"a":1,"b":2}');
    expect(removeChild('{ "a": 1 }', '', 'a')).toBe('{}');
    expect(removeChild('[[1], [2]]', '', 0)).toBe('[[2]]');
    expect(removeChild('[1, 2]', '/9', 0)).toBe('[1, 2]');
  });

  it('finds names that hold slashes and tildes', () => {
    expect(textAt('{"a/b": {"~": 7}}', '/a~1b/~0')).toBe('7');
    expect(replaceValue('{"a/b": {"~": 7}}', '/a~1b/~0', '8')).toBe('{"a/b": {"~": 8}}');
  });

  it('keeps a text laid out that was, and leaves another as it is', () => {
    expect(setMember('{\n  "a": {}\n}', '/a', 'x', '1')).toBe('{\n  "a": {\n    "x": 1\n  }\n}');
    expect(setMember('{"a":{}}', '/a', 'x', '1')).toBe('{"a":{"x": 1}}');
  });
});

describe('numbers in the form', () => {
  it.each(['1.0', '1e400', '9007199254740993', '-0', '0.10', '1E+2'])(
    'shows and keeps %s as it is',
    (text) => {
      expect(shape(one({ type: 'number' }, text), 'number').value).toBe(text);
      expect(numberToJson(text)).toBe(text);
    },
  );

  it('keeps what is no number yet as text, and says so', () => {
    for (const typed of ['', '-', '1e', '1,5', '.5', 'abc', '01']) {
      const value = shape(one({ type: 'integer' }, numberToJson(typed)), 'number').value;
      expect(value).toBe(typed);
      expect(numberMistake(value)).toBeDefined();
    }
    expect(numberMistake('1e3')).toBeUndefined();
  });

  it('does not show text that looks like a number as the number', () => {
    expect(one({ type: 'number' }, '"5"').shape.kind).toBe('json');
  });
});

describe('what the form shows', () => {
  it('has fields for what is there and offers what is not: absent is not null', () => {
    const schema = {
      type: 'object',
      properties: {
        a: { type: 'string' },
        b: { type: ['integer', 'null'], default: 7 },
        c: { type: 'boolean' },
      },
      required: ['a', 'c'],
    };
    const { members, absent } = shape(form(schema, '{"a": "x", "b": null}'), 'object');
    expect(
      members.map(({ name, required, nullable, shape: { kind } }) => [name, required, nullable, kind]),
    ).toEqual([
      ['a', true, false, 'string'],
      ['b', false, true, 'null'],
    ]);
    expect(members[1]?.sample()).toBe('7');
    expect(absent.map(({ name, required, sample }) => [name, required, sample()])).toEqual([
      ['c', true, 'false'],
    ]);
  });

  it('shows members nobody described, and says whether there may be more', () => {
    const open = shape(
      form({ type: 'object', additionalProperties: { type: 'integer' } }, '{"x": 1, "y": {}}'),
      'object',
    );
    expect(open.members.map((field) => [field.name, field.shape.kind])).toEqual([
      ['x', 'number'],
      ['y', 'json'],
    ]);
    expect(open.other?.()).toBe('0');
    const closed = { type: 'object', properties: { a: { type: 'null' } }, additionalProperties: false };
    const shut = shape(form(closed, '{"unknown": [1.0]}'), 'object');
    expect(shut.other).toBeUndefined();
    expect(shut.members.map(({ name, text }) => [name, text])).toEqual([['unknown', '[1.0]']]);
  });

  it('chooses among enumerated values, constants and constants with titles', () => {
    expect(shape(one({ enum: ['a', 'b'] }, '"b"'), 'choice')).toMatchObject({
      selected: 1,
      options: [{ label: 'a' }, { label: 'b' }],
    });
    expect(shape(one({ const: 'v1' }, '"v2"'), 'choice').selected).toBeUndefined();
    const titled = {
      oneOf: [
        { const: 1, title: 'Low' },
        { const: 2, title: 'High' },
      ],
    };
    expect(shape(one(titled, '2.0'), 'choice')).toMatchObject({
      selected: 1,
      options: [{ label: 'Low' }, { label: 'High' }],
    });
    const mixed = shape(one({ enum: ['1', 1, null] }, '1'), 'choice');
    expect(mixed.options.map(({ label }) => label)).toEqual(['"1"', '1', 'null']);
    expect(mixed.selected).toBe(1);
  });

  it('does not take a number that reading would change for one of the choices', () => {
    expect(shape(one({ enum: [9007199254740992] }, '9007199254740993'), 'choice').selected).toBeUndefined();
    expect(shape(one({ enum: [9007199254740992] }, '9007199254740992'), 'choice').selected).toBe(0);
  });

  it('tells variants apart by kind, and objects by a constant member', () => {
    const byKind = {
      anyOf: [
        { type: 'string', title: 'Name' },
        { type: 'array', items: { type: 'string' } },
      ],
    };
    expect(shape(one(byKind, '["x"]'), 'variants')).toMatchObject({
      selected: 1,
      variant: { shape: { kind: 'array' } },
    });
    const circle = {
      type: 'object',
      properties: { kind: { const: 'circle' }, r: { type: 'number' } },
      required: ['kind', 'r'],
    };
    const square = {
      type: 'object',
      properties: { kind: { const: 'square' }, side: { type: 'number' } },
      required: ['kind'],
    };
    const shapes = shape(one({ oneOf: [circle, square] }, '{"kind": "square", "side": 1.0}'), 'variants');
    expect(shapes.options.map(({ label }) => label)).toEqual(['"circle"', '"square"']);
    expect(shapes.selected).toBe(1);
    expect(member(shapes.variant, 'side').text).toBe('1.0');
    expect(shapes.options[0]?.value()).toBe('{"kind":"circle","r":0}');
    expect(shape(one({ oneOf: [circle, square] }, '{}'), 'variants')).toMatchObject({
      selected: undefined,
      variant: { shape: { kind: 'json' } },
    });
    expect(shape(one({ type: ['string', 'number'] }, '7'), 'variants').selected).toBe(1);
  });

  it('knows "or null" in each of its spellings', () => {
    for (const schema of [
      { type: ['string', 'null'] },
      { anyOf: [{ type: 'string' }, { type: 'null' }] },
      { oneOf: [{ $ref: '#/$defs/nothing' }, { type: 'string' }] },
    ]) {
      const root = { type: 'object', properties: { m: schema }, $defs: { nothing: { type: 'null' } } };
      expect(member(form(root, '{"m": null}'), 'm')).toMatchObject({
        nullable: true,
        shape: { kind: 'null' },
      });
      expect(member(form(root, '{"m": "x"}'), 'm')).toMatchObject({
        nullable: true,
        shape: { kind: 'string' },
      });
    }
  });

  it('joins references and parts', () => {
    const root = {
      $defs: {
        named: { type: 'object', properties: { name: { type: 'string', maxLength: 9 } }, required: ['name'] },
      },
      allOf: [
        { $ref: '#/$defs/named' },
        { properties: { name: { maxLength: 5 }, age: { type: 'integer' } } },
      ],
    };
    const field = form(root, '{"name": "x", "age": 3}');
    expect(member(field, 'name')).toMatchObject({ required: true, hints: ['up to 5 characters'] });
    expect(member(field, 'age').shape.kind).toBe('number');
  });

  it('follows a schema that contains itself as far as the payload goes', () => {
    const tree = {
      type: 'object',
      properties: { value: { type: 'integer' }, children: { type: 'array', items: { $ref: '#' } } },
    };
    const field = form(tree, '{"value": 1, "children": [{"value": 2}]}');
    const [child] = shape(member(field, 'children'), 'array').items;
    expect(member(child as Field, 'value')).toMatchObject({ pointer: '/children/0/value', text: '2' });
  });

  it.each([
    [
      'a union that nothing tells apart',
      { oneOf: [{ type: 'object', properties: { a: {} } }, { type: 'object' }] },
      '{}',
    ],
    ['a tuple', { type: 'array', prefixItems: [{ type: 'string' }] }, '["x"]'],
    ['a list of anything', { type: 'array' }, '[1.0]'],
    ['anything', {}, '1e400'],
    ['nothing', false, '1'],
    ['parts that contradict each other', { allOf: [{ type: 'string' }, { type: 'number' }] }, '1'],
    ['a reference in a circle', { $ref: '#/properties/m' }, '1'],
    ['a reference to elsewhere', { $ref: 'https://example.org/x' }, '1'],
    ['a value of another kind', { type: 'string' }, '{"a": 1}'],
    ['a name that stands twice', { type: 'object' }, '{"a": 1, "a": 2}'],
    ['text a text field would change', { type: 'string' }, '"a\\r\\nb"'],
    ['a type JSON does not have', { type: 'date' }, '1'],
  ])('shows %s as JSON, and only that part', (_title, schema, value) => {
    const root = { type: 'object', properties: { m: schema, other: { type: 'string' } } };
    const field = form(root, `{"m": ${value}, "other": "x"}`);
    expect(member(field, 'm')).toMatchObject({ text: value, shape: { kind: 'json' } });
    expect(member(field, 'other').shape.kind).toBe('string');
  });

  it('counts rules over the same members as no choice', () => {
    const schema = {
      type: 'object',
      properties: { a: { type: 'string' } },
      anyOf: [{ required: ['a'] }, { required: ['b'] }],
    };
    expect(shape(form(schema, '{"a": "x"}'), 'object').members[0]?.shape.kind).toBe('string');
  });
});

describe('mistakes', () => {
  const schema = {
    type: 'object',
    properties: { list: { type: 'array', items: { type: 'string' } }, raw: {}, absent: { type: 'string' } },
    required: ['absent'],
  };

  it('stand at their field, at the place of what is missing, or at the nearest field around them', () => {
    const field = form(schema, '{"list": ["x"], "raw": {"deep": [1]}}');
    const at = (path: string) => ({ path, message: path });
    const placed = placeMistakes(field, ['/list/0', '/absent', '/raw/deep/0', '/nowhere'].map(at));
    expect([...placed]).toEqual([
      ['/list/0', ['/list/0']],
      ['/absent', ['/absent']],
      ['/raw', ['deep/0: /raw/deep/0']],
      ['', ['nowhere: /nowhere']],
    ]);
  });

  it('that were answered hold until the value at their place is another', () => {
    const told = [
      { path: '/a', message: 'no' },
      { path: '/b', message: 'missing' },
    ];
    expect(stillTrue(told, '{"a": 1}', '{ "a": 1, "c": 2 }')).toEqual(told);
    expect(stillTrue(told, '{"a": 1}', '{"a": 1.0, "b": 2}')).toEqual([]);
  });
});

describe('what an answer tells', () => {
  it('stands at the member that is missing, and only while the place is what was sent', () => {
    const errors = [
      { path: '', message: "must have required property 'a/b'" },
      { path: '/c', message: 'must be string' },
    ];
    expect(toldMistakes(errors, '{"c": 1}', '{"c": "x"}')).toEqual([
      { path: '/a~1b', message: "must have required property 'a/b'", stands: true },
      { path: '/c', message: 'must be string', stands: false },
    ]);
  });

  it('is said again only where this page says nothing', () => {
    const at = (path: string) => ({ path, message: path });
    const own = ['/a', '/union', ''].map(at);
    const told = ['/a', '/ab', '/union/by', '/other'].map(at);
    expect(unsaid(told, own).map(({ path }) => path)).toEqual(['/ab', '/other']);
    expect(unsaid([at('')], [at('/a')])).toEqual([]);
  });
});

describe('a form', () => {
  it('is offered where it shows more than JSON', () => {
    expect(offersForm({ type: 'object', properties: { a: {} } }, '{}')).toBe(true);
    expect(offersForm({ type: 'string' }, '"x"')).toBe(true);
    expect(offersForm({ type: 'object' }, '{}')).toBe(false);
    expect(offersForm({}, '{"a": 1}')).toBe(false);
  });

  it('says why there is none', () => {
    const why = (text: string) => parsePayload({ type: 'object' }, text);
    expect(why('{"a": 1, "b": 2, "b": 3}')).toMatchObject({
      isCheckable: true,
      whyNoForm: expect.stringContaining('"b" stands here twice'),
    });
    expect(why('{"a": ')).toMatchObject({ whyNoForm: expect.stringContaining('line 1, column 7') });
    expect(why(`{"a": "${'x'.repeat(200_000)}"}`)).toMatchObject({
      isCheckable: false,
      whyNoForm: expect.stringContaining('too long'),
    });
    expect(why('[]').form).toBeUndefined();
    expect(why('{}').form).toBeDefined();
  });
});

describe('a schema that means no good', () => {
  const everywhere = (value: unknown) =>
    Object.fromEntries(
      [
        'type',
        'enum',
        'properties',
        'required',
        'items',
        'prefixItems',
        'oneOf',
        'anyOf',
        'allOf',
        '$ref',
        'title',
        'description',
        'minimum',
        'minLength',
        'examples',
        'additionalProperties',
        'patternProperties',
      ].map((name) => [name, value]),
    );

  it.each<unknown>([null, 5, 'x', [], [null], {}, true, -1, [[[]]], { __proto__: null, constructor: 1 }])(
    'is shown somehow when every keyword is %j',
    (value) => {
      for (const text of ['{}', '[]', '"x"', '1', 'null', '{"__proto__": 1, "constructor": 2}']) {
        expect(form(everywhere(value), text).pointer).toBe('');
        expect(() => form(everywhere(value), text).sample()).not.toThrow();
      }
    },
  );

  it('is not followed beyond what a form can be', () => {
    const wide = {
      type: 'object',
      properties: Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`p${i}`, {}])),
    };
    expect(form(wide, '{}').shape.kind).toBe('json');
    let deep: unknown = { type: 'string' };
    for (let i = 0; i < 3_000; i++) deep = { allOf: [deep] };
    expect(form(deep, '"x"').shape.kind).toBe('json');
    const doubling = {
      $defs: {
        a: { allOf: [{ $ref: '#/$defs/b' }, { $ref: '#/$defs/b' }] },
        b: { allOf: [{ $ref: '#/$defs/a' }, { $ref: '#/$defs/a' }] },
      },
      $ref: '#/$defs/a',
    };
    expect(form(doubling, '1').shape.kind).toBe('json');
  });

  it('does not make more fields than the page can bear', () => {
    const lists = { type: 'array', items: { $ref: '#' } };
    const text = `[${Array.from({ length: 90 }, () => `[${'[],'.repeat(89)}[]]`).join(',')}]`;
    const count = (field: Field): number =>
      1 + (field.shape.kind === 'array' ? field.shape.items.reduce((sum, item) => sum + count(item), 0) : 0);
    expect(count(form(lists, text))).toBeLessThan(600);
  });
});
