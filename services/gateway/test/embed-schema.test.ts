import { beforeAll, describe, expect, it } from 'vitest';
import { createValidator } from '@bkg/sdk';
import type { JsonSchema } from '@bkg/sdk';
import { embedSchema } from '../src/openapi/embed-schema.ts';
import {
  assertDocument,
  capabilityOf,
  createCheck,
  documentOf,
  inputAt,
  pluginOf,
  withInput,
} from './openapi-document.ts';
import type { Document } from './openapi-document.ts';

describe('the schema of a plugin', () => {
  const node = { type: 'object', properties: { next: { $ref: '#/$defs/node' }, n: { type: 'integer' } } };
  const chain = [{ n: 1 }, { n: 1, next: { n: 2 } }];
  const broken = [{ n: 'x' }, { next: { next: { n: 'x' } } }];

  const kept: [string, JsonSchema, unknown[], unknown[]][] = [
    ['refers to its definitions', { $ref: '#/$defs/node', $defs: { node } }, chain, broken],
    [
      'refers to itself',
      { type: 'object', properties: { next: { $ref: '#' }, n: { type: 'integer' } } },
      chain,
      broken,
    ],
    [
      'has an address',
      { $id: 'https://example.com/a/b.json', $ref: 'b.json#/$defs/node', $defs: { node } },
      chain,
      broken,
    ],
    [
      'has parts with addresses, as TypeBox writes what is cyclic',
      {
        $ref: 'Node',
        $defs: {
          Node: {
            $id: 'Node',
            type: 'object',
            properties: { next: { $ref: 'Node' }, n: { type: 'integer' } },
          },
        },
      },
      chain,
      broken,
    ],
    [
      'has a part with an address of its own, in which pointers begin',
      {
        $ref: 'inner#/$defs/node',
        $defs: { inner: { $id: 'inner', $defs: { node } }, node: { type: 'string' } },
      },
      chain,
      broken,
    ],
    [
      'has anchors',
      {
        $ref: '#here',
        $defs: { x: { $anchor: 'here', type: 'object', properties: { n: { type: 'integer' } } } },
      },
      [{ n: 1 }],
      [{ n: 'x' }],
    ],
    [
      'has a dynamic anchor',
      {
        $dynamicAnchor: 'node',
        type: 'object',
        properties: { next: { $dynamicRef: '#node' }, n: { type: 'integer' } },
      },
      chain,
      broken,
    ],
    [
      'has names that pointers must write in another way',
      {
        properties: { n: { $ref: '#/$defs/a~1b%25 c~0%C3%A9%23%22' } },
        $defs: { 'a/b% c~é#"': { type: 'integer' } },
      },
      [{ n: 1 }],
      [{ n: 'x' }],
    ],
    [
      'has properties that are called like keywords',
      {
        properties: {
          $defs: { $ref: '#/properties/const' },
          const: { type: 'integer' },
          properties: { type: 'object', properties: { enum: { const: 1 } } },
        },
      },
      [{ $defs: 3, const: 1, properties: { enum: 1 } }],
      [{ $defs: 'a' }, { const: 'a' }, { properties: { enum: 2 } }],
    ],
    [
      'says more beside a reference',
      {
        $ref: '#/$defs/a',
        allOf: [{ required: ['m'] }],
        required: ['n'],
        unevaluatedProperties: false,
        $defs: { a: { properties: { n: { type: 'integer' }, m: true } } },
      },
      [{ n: 1, m: 1 }],
      [{ n: 1 }, { m: 1 }, { n: 'x', m: 1 }, { n: 1, m: 1, o: 1 }],
    ],
    [
      'refers to parts that take anything or nothing, and to parts of parts',
      {
        properties: {
          a: { $ref: '#/$defs/any' },
          b: { $ref: '#/$defs/none' },
          c: { $ref: '#/$defs/x/properties/y' },
        },
        $defs: {
          any: true,
          none: false,
          x: { properties: { y: { type: 'integer' } } },
          unused: { type: 'null' },
        },
      },
      [{ a: 1, c: 1 }],
      [{ b: 1 }, { c: 'x' }],
    ],
    [
      'uses every way to hold schemas',
      {
        $schema: 'https://json-schema.org/draft/2020-12/schema',
        $comment: 'no more than that',
        allOf: [{ if: { required: ['a'] }, then: { required: ['b'] }, else: true }],
        anyOf: [{ not: { required: ['z'] } }],
        oneOf: [true],
        patternProperties: {
          '^p': { type: 'array', prefixItems: [{ type: 'integer' }], items: false, minItems: 1 },
        },
        dependentSchemas: { c: { properties: { d: { type: 'integer' } } } },
        dependentRequired: { e: ['f'] },
        propertyNames: { maxLength: 3 },
        unevaluatedProperties: { type: ['integer', 'array'] },
      },
      [{ a: 1, b: 1 }, { p1: [1] }, { c: 1, d: 1 }, { e: 1, f: 1 }],
      [
        { a: 1 },
        { z: 1 },
        { p1: ['x'] },
        { p1: [1, 2] },
        { c: 1, d: 'x' },
        { e: 1 },
        { long: 1 },
        { g: 'x' },
      ],
    ],
  ];
  const deep = (levels: number, inner: JsonSchema = {}): JsonSchema =>
    levels === 0 ? inner : { items: deep(levels - 1, inner) };
  const refused: [string, JsonSchema][] = [
    ['refers to the network', { $ref: 'https://example.com/schema.json' }],
    ['refers to a file', { properties: { a: { $ref: 'file:///etc/passwd' } } }],
    ['refers to another part of the document', { $ref: '#/components/schemas/Problem' }],
    ['refers to nothing', { $ref: '#/$defs/none' }],
    ['refers to what is no schema', { $ref: '#/enum/0', enum: [{ type: 'string' }] }],
    ['refers with something else than a text', { $ref: { a: 1 } }],
    ['is nothing but itself', { $ref: '#' }],
    [
      'goes in a circle',
      { $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } } },
    ],
    ['is itself or nothing', { anyOf: [{ $ref: '#' }, { type: 'null' }] }],
    [
      'goes in a circle through a part of it',
      { not: { $ref: '#/$defs/a' }, $defs: { a: { allOf: [{ $ref: '#' }] } } },
    ],
    ['calls two parts the same', { $defs: { a: { $id: 'x' }, b: { $id: 'x' } } }],
    ['has an address that is none', { $id: 'http://[' }],
    [
      'has several dynamic ends',
      { $defs: { a: { $dynamicAnchor: 'n' }, b: { $dynamicAnchor: 'n' } }, $dynamicRef: '#n' },
    ],
    ['has lists where schemas belong', { items: [{ type: 'string' }] }],
    ['has a type that is none', { type: 'float' }],
    ['has a pattern that is none', { pattern: '(' }],
    ['has numbers that are none', { maxLength: -1 }],
    ['has a list of nothing', { anyOf: [] }],
    ['has texts where an object belongs', { properties: 'none' }],
    ['has a member that is called $ref', { properties: { $ref: { type: 'string' } } }],
    ['has a member that is called $id', { $defs: { $id: { type: 'string' } } }],
    ['holds values with references', { const: { $ref: 'https://example.com/' } }],
    ['is too large', { enum: ['x'.repeat(70_000)] }],
    ['is too deep', deep(100)],
  ];
  const all = [...kept, ...refused].map(([title, schema]) => ({ title, schema }));
  /** Of `x`, which has them all: each is one capability, and none keeps the others from being shown. */
  let document: Document;
  const idOf = (title: string) => `c${all.findIndex((one) => one.title === title)}`;
  beforeAll(async () => {
    const capabilities = all.map(({ title, schema }) => capabilityOf(idOf(title), { input_schema: schema }));
    document = await documentOf(pluginOf('x', capabilities));
  });

  it('makes a document that is valid, whatever it is', async () => {
    await assertDocument(document);
    expect(Object.keys(document.paths).filter((one) => one.startsWith('/api/plugins/x/'))).toHaveLength(
      all.length,
    );
  });

  it.each(kept)('says the same in the document when it %s', (title, _schema, fitting, unfitting) => {
    const fits = createCheck(document);
    const at = `#/components/schemas/x.${idOf(title)}.Input`;
    for (const value of fitting) expect([value, fits(at, value)]).toEqual([value, true]);
    for (const value of unfitting) expect([value, fits(at, value)]).toEqual([value, false]);
  });

  it.each(refused)('is left open, and the reason told, when it %s', (title) => {
    const body = document.paths[`/api/plugins/x/invoke/${idOf(title)}`]?.post?.requestBody;
    expect(body?.content['application/json']?.schema).toEqual({});
    expect(body?.description).toMatch(/^The plugin's own schema is not shown here: .{5,200}\.$/);
    const components = Object.entries(document.components.schemas);
    expect(components.filter(([name]) => name.startsWith(`x.${idOf(title)}.`))).toEqual([]);
  });

  it('means the same in the document, or is left open, for 200 that nobody would write', async () => {
    const schemas = Array.from({ length: 200 }, (_, seed) => randomSchema(createDice(seed)));
    const plugins = Array.from({ length: 2 }, (_, i) =>
      pluginOf(
        `p${i}`,
        schemas
          .slice(100 * i, 100 * i + 100)
          .map((input_schema, n) => capabilityOf(`c${n}`, { input_schema })),
      ),
    );
    const random = await documentOf(...plugins);
    await assertDocument(random);
    const fits = createCheck(random);
    const values = [
      null,
      true,
      1,
      -2.5,
      'a',
      'abcdef',
      [],
      [1, 'a'],
      {},
      { a: 1 },
      { a: { b: 'x' }, c: [{ a: 2 }] },
    ];
    const seen = { kept: 0, open: 0 };
    for (const [i, schema] of schemas.entries()) {
      const [plugin, capability] = [`p${Math.floor(i / 100)}`, `c${i % 100}`];
      const isOpen = !(`${plugin}.${capability}.Input` in random.components.schemas);
      seen[isOpen ? 'open' : 'kept'] += 1;
      if (isOpen) continue;
      const fitsItself = createValidator(schema);
      for (const value of values) {
        const found = fits(`#/components/schemas/${plugin}.${capability}.Input`, value);
        expect([schema, value, found]).toEqual([schema, value, fitsItself(value).length === 0]);
      }
    }
    expect(Math.min(seen.kept, seen.open)).toBeGreaterThan(30);
  }, 60_000);

  it('is left open when it is so deep that nobody could write it down again', () => {
    const value: unknown = JSON.parse(`${'['.repeat(30_000)}${']'.repeat(30_000)}`);
    expect(embedSchema({ const: value }, 'x')).toMatchObject({
      schema: {},
      components: [],
      note: expect.stringContaining('too deep') as string,
    });
  });

  it('loses what generators would stumble over, and nothing that decides what fits', async () => {
    const schema = {
      type: 'object',
      properties: {
        n: { type: 'integer', default: { $ref: 'https://example.com/' }, discriminator: 7, xml: [] },
      },
      externalDocs: 'https://example.com/',
      'x-anything': { $ref: 'https://example.com/' },
      nullable: 'yes',
      examples: [{ $ref: 'https://example.com/' }, { n: 1 }],
    };
    const { document, operation } = await withInput(schema);
    await assertDocument(document);
    expect(document.components.schemas['x.a.b.Input']).toEqual({
      type: 'object',
      properties: { n: { type: 'integer' } },
    });
    expect(operation.requestBody?.content['application/json']?.examples).toEqual({
      example1: { value: { n: 1 } },
    });
  });

  it('cannot change what objects are', async () => {
    const schema = JSON.parse(
      '{"properties":{"__proto__":{"type":"integer"},"constructor":{"type":"integer"}}}',
    ) as JsonSchema;
    const { document } = await withInput(schema);
    await assertDocument(document);
    const fits = createCheck(document);
    expect(fits(inputAt, JSON.parse('{"__proto__":"x"}'))).toBe(false);
    expect(fits(inputAt, { constructor: 'x' })).toBe(false);
    expect({}).not.toHaveProperty('type');
  });
});

type Dice = (sides: number) => number;

/** Numbers that look random and are the same in every run. */
function createDice(seed: number): Dice {
  let state = (seed + 1) * 2_654_435_761;
  return (sides) => {
    state = (Math.imul(state ^ (state >>> 15), 2_246_822_519) + 0x9e37_79b9) >>> 0;
    return (state >>> 8) % sides;
  };
}

/** Definitions, and a schema in which anything may refer to them, some of it to nothing. */
function randomSchema(dice: Dice): JsonSchema {
  const refs = ['#/$defs/a', '#/$defs/a', '#/$defs/b', '#/$defs/b', '#here', 'item', '#'];
  if (dice(8) === 0) refs.push('#/$defs/c', 'https://example.com/');
  const part = (depth: number): JsonSchema => {
    const one = (): JsonSchema => part(depth - 1);
    if (depth === 0)
      return [{ type: 'string' }, { type: 'integer' }, true, { minLength: 3 }, { const: 1 }][dice(5)]!;
    switch (dice(9)) {
      case 0:
        return { $ref: refs[dice(refs.length)] };
      case 1:
        return { $ref: refs[dice(refs.length)], minProperties: 1, description: 'beside it' };
      case 2:
        return { type: 'object', properties: { a: one(), b: one() }, required: ['a'] };
      case 3:
        return { type: ['array', 'null'], items: one(), maxItems: 2 };
      case 4:
        return { anyOf: [one(), one()] };
      case 5:
        return { allOf: [one(), { properties: { c: one() }, unevaluatedProperties: dice(2) === 0 }] };
      case 6:
        return { not: one() };
      case 7:
        return { if: one(), then: one(), else: one() };
      default:
        return { additionalProperties: one(), propertyNames: { maxLength: 3 } };
    }
  };
  const b = part(1);
  const $defs = {
    a: { $anchor: 'here', type: 'object', properties: { a: part(1), next: { $ref: '#here' } } },
    b: typeof b === 'object' ? { $id: 'item', ...b } : { $id: 'item' },
  };
  const root = part(3);
  return { ...(typeof root === 'object' && root), $defs };
}
