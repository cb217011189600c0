import { readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createValidator, errorTable } from '@bkg/sdk';
import type { JsonSchema, PluginCapability, RegistryEntry } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import { Catalog } from '../src/mesh/catalog.ts';
import { embedSchema } from '../src/openapi/embed-schema.ts';
import { fixedOperations } from '../src/openapi/fixed-operations.ts';
import { LiveDocument } from '../src/openapi/live-document.ts';
import { assertDocument, createCheck, operationsOf } from './openapi-document.ts';
import type { Document } from './openapi-document.ts';
import { entryOf, startMesh } from './mesh.ts';
import type { TestMesh } from './mesh.ts';

function capabilityOf(id: string, changes: Partial<PluginCapability> = {}): PluginCapability {
  return {
    id,
    name: id,
    description: '',
    input_schema: {},
    output_schema: {},
    stream: false,
    upload: false,
    idempotent: false,
    ...changes,
  };
}

function pluginOf(id: string, capabilities: PluginCapability[]): RegistryEntry {
  return { ...entryOf(id), capabilities };
}

async function documentOf(...entries: RegistryEntry[]): Promise<Document> {
  const catalog = new Catalog();
  for (const entry of entries) catalog.put(entry);
  return JSON.parse((await new LiveDocument(catalog).get()).body.toString()) as Document;
}

/** The document with one capability `a.b` of a plugin `x`, and its operation. */
async function withInput(input_schema: JsonSchema, changes: Partial<PluginCapability> = {}) {
  const document = await documentOf(pluginOf('x', [capabilityOf('a.b', { input_schema, ...changes })]));
  const operation = document.paths['/api/plugins/x/invoke/a.b']?.post;
  if (!operation) throw new Error('the capability has no operation');
  return { document, operation };
}

const inputAt = '#/components/schemas/x.a.b.Input';

describe('the document without any plugin', () => {
  it('is one by the schema of OpenAPI 3.1', async () => {
    const document = await documentOf();
    expect(document.openapi).toBe('3.1.1');
    await assertDocument(document);
  });

  it('names only codes of the error table, and each of them under its own number', async () => {
    const text = JSON.stringify(await documentOf());
    const codes = [...text.matchAll(/"code":\{"enum":\[([^\]]*)\]/g)].flatMap(
      ([, list]) => JSON.parse(`[${list}]`) as string[],
    );
    expect(codes.length).toBeGreaterThan(50);
    for (const code of codes) expect(Object.keys(errorTable)).toContain(code);
    for (const { operation } of operationsOf(await documentOf())) {
      for (const [status, response] of Object.entries(operation.responses)) {
        if (Number(status) < 400 || '$ref' in response) continue;
        const [, ...named] = JSON.stringify(response.content).match(/[A-Z]+(_[A-Z]+)*(?=")/g) ?? [];
        for (const code of named)
          expect([code, String(errorTable[code as 'BUSY']?.number)]).toEqual([code, status]);
      }
    }
  });
});

describe('a capability in the document', () => {
  it('is an operation with its schemas, description, examples and errors', async () => {
    const { document, operation } = await withInput(
      {
        type: 'object',
        required: ['text'],
        properties: { text: { type: 'string' } },
        examples: [{ text: 'hello' }],
      },
      {
        name: 'Say',
        description: 'Says it again.',
        idempotent: true,
        output_schema: { type: 'object', properties: { text: { type: 'string' } } },
        errors: {
          X_TIRED: { number: 422, retryable: true, description: 'It is tired.' },
          X_GONE: { number: 404, retryable: false, description: 'It is gone.' },
        },
      },
    );
    await assertDocument(document);
    expect(operation).toMatchObject({
      operationId: 'x.a.b',
      tags: ['x'],
      summary: 'Say',
      'x-idempotent': true,
      requestBody: {
        content: {
          'application/json': {
            schema: { $ref: inputAt },
            examples: { example1: { value: { text: 'hello' } } },
          },
        },
      },
    });
    expect(operation.description).toContain('Says it again.');
    const codesOf = (status: string) => JSON.stringify(operation.responses[status]);
    expect(codesOf('422')).toContain('"enum":["X_TIRED"]');
    expect(codesOf('404')).toContain('"enum":["X_GONE","PLUGIN_NOT_FOUND","CAPABILITY_NOT_FOUND"]');
    expect(codesOf('429')).toContain('#/components/responses/Invocation429');
    expect(document.tags.at(-1)).toEqual({ name: 'x', description: 'x 1.0.0\n\nFor tests.' });
    const fits = createCheck(document);
    expect([fits(inputAt, { text: 'a' }), fits(inputAt, { text: 1 }), fits(inputAt, {})]).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('has an id and schemas of its own, whatever plugins and capabilities are called', async () => {
    const input_schema = { $ref: '#/$defs/input', $defs: { input: { type: 'object' } } };
    const document = await documentOf(
      pluginOf('a', [
        capabilityOf('b.c'),
        capabilityOf('b_c'),
        capabilityOf('b-c'),
        capabilityOf('b.input', { input_schema }),
        capabilityOf('b', { input_schema }),
      ]),
      pluginOf('a-b', [capabilityOf('c')]),
      pluginOf('a_b', [capabilityOf('c')]),
      pluginOf('listplugins', [capabilityOf('invoke')]),
    );
    await assertDocument(document);
  });

  it('takes anything when its plugin does not say more', async () => {
    for (const schema of [true, {}]) {
      const { document, operation } = await withInput(schema);
      await assertDocument(document);
      expect(operation.requestBody?.content['application/json']?.schema).toEqual({});
    }
  });
});

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

describe('the size of the document', () => {
  it('is bounded for each plugin: the rest is left out or open, and it says so', async () => {
    const large = { type: 'object', properties: { a: { description: 'x'.repeat(60_000) } } };
    const many = Array.from({ length: 300 }, (_, i) =>
      capabilityOf(`c${i}`, { input_schema: large, description: 'd'.repeat(9_000) }),
    );
    const document = await documentOf(pluginOf('large', many), pluginOf('small', [capabilityOf('a')]));
    await assertDocument(document);
    const own = operationsOf(document).filter(({ operation }) => operation.tags[0] === 'large');
    expect(own).toHaveLength(256);
    const open = own.filter(({ operation }) => operation.requestBody?.description?.includes('not shown'));
    expect(open.length).toBeGreaterThan(240);
    expect(document.tags.find(({ name }) => name === 'large')?.description).toContain('44 more capabilities');
    expect(JSON.stringify(document).length).toBeLessThan(3_000_000);
    expect(document.paths).toHaveProperty(['/api/plugins/small/invoke/a']);
  });

  it('is bounded for all together', async () => {
    const many = Array.from({ length: 256 }, (_, i) =>
      capabilityOf(`c${i}`, { description: 'd'.repeat(4_000) }),
    );
    const plugins = Array.from({ length: 30 }, (_, i) => pluginOf(`p${i}`, many));
    const document = await documentOf(...plugins);
    expect(document.info.description).toMatch(/\d+ plugins are left out/);
    expect(JSON.stringify(document).length).toBeLessThan(34 * 1024 * 1024);
  });

  it('of 200 plugins is made without keeping everything else waiting', async () => {
    const properties = Object.fromEntries(
      Array.from({ length: 40 }, (_, i) => [
        `p${i}`,
        { type: 'string', description: 'What it is for.', maxLength: 100 + i },
      ]),
    );
    const schema = { type: 'object', properties, $defs: { a: { type: 'object', properties } } };
    const capabilities = Array.from({ length: 5 }, (_, i) =>
      capabilityOf(`c${i}`, { input_schema: schema, output_schema: schema }),
    );
    const catalog = new Catalog();
    for (let i = 0; i < 200; i += 1) catalog.put(pluginOf(`p${i}`, capabilities));
    const live = new LiveDocument(catalog);
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    const { body } = await live.get();
    delay.disable();
    expect(body.length).toBeGreaterThan(5_000_000);
    catalog.put(pluginOf('p7', [capabilityOf('other')]));
    const again = await live.get();
    expect(again.body.toString()).toContain('/api/plugins/p7/invoke/other');
    // A tenth of that when the machine has nothing else to do.
    expect(delay.max / 1e6).toBeLessThan(500);
  });
});

describe('GET /api/openapi.json', () => {
  let mesh: TestMesh;
  beforeAll(async () => {
    mesh = await startMesh();
    await mesh.supervisor.put(entryOf('one'));
    await eventually(() => mesh.app.catalog.get('one') !== undefined);
  });
  afterAll(() => mesh[Symbol.asyncDispose]());

  const get = (headers: Record<string, string> = {}) => fetch(`${mesh.url}/api/openapi.json`, { headers });

  it('is the document of what there is now', async () => {
    const response = await get();
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/json']);
    const document = (await response.json()) as Document;
    await assertDocument(document);
    expect(document.paths).toHaveProperty(['/api/plugins/one/invoke/echo']);
  });

  it('is sent again only when it has changed: by what plugins can do, not by how they are', async () => {
    const etag = (await get()).headers.get('etag') ?? '';
    expect(etag).toMatch(/^"[\w-]+"$/);
    const same = await get({ 'if-none-match': `"other", W/${etag}` });
    expect([same.status, await same.text()]).toEqual([304, '']);
    await mesh.supervisor.put(entryOf('one', 'stopped'));
    await eventually(() => mesh.app.catalog.get('one')?.status === 'stopped');
    expect((await get({ 'if-none-match': etag })).status).toBe(304);
    await mesh.supervisor.put(entryOf('one', 'running', { capabilities: ['echo', 'another'] }));
    await eventually(() => mesh.app.catalog.get('one')?.capabilities.length === 2);
    const other = await get({ 'if-none-match': etag });
    expect([other.status, other.headers.get('etag') === etag]).toEqual([200, false]);
    expect(await other.text()).toContain('/api/plugins/one/invoke/another');
    await mesh.supervisor.remove('one');
    await eventually(() => mesh.app.catalog.get('one') === undefined);
    expect(await (await get()).text()).not.toContain('/api/plugins/one/');
  });

  it('is made once for all who ask at the same time', async () => {
    await mesh.supervisor.put(entryOf('two'));
    await eventually(() => mesh.app.catalog.get('two') !== undefined);
    const texts = await Promise.all(Array.from({ length: 20 }, async () => (await get()).text()));
    expect(new Set(texts).size).toBe(1);
  });

  it('has every route that the gateway has, and no other', () => {
    const told = fixedOperations.map(({ method, route }) => `${method.toUpperCase()} ${route}`);
    for (const { method, route } of fixedOperations) {
      expect([route, mesh.app.hasRoute({ method: method.toUpperCase(), url: route })]).toEqual([route, true]);
    }
    expect(
      routesOf(mesh.app.printRoutes({ commonPrefix: false })).filter((one) => !told.includes(one)),
    ).toEqual([]);
  });
});

describe('the routes in PROTOCOL.md', () => {
  it('are those of the document, and the other way round', () => {
    const file = path.resolve(import.meta.dirname, '../../../plugins/sdk/PROTOCOL.md');
    const lines = readFileSync(file, 'utf8').split('\n');
    const start = lines.indexOf('| route | answer |');
    expect(start).toBeGreaterThan(0);
    const told = lines
      .slice(start + 2, start + 2 + lines.slice(start + 2).findIndex((line) => !line.startsWith('|')))
      .flatMap((line) => {
        const spans = [...(line.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map(([, code]) => code!);
        const [first = ''] = spans;
        const whole = first.split('?', 1)[0] ?? '';
        // `POST /a/start` `/stop`: the same with another end.
        return spans.map((span) =>
          span === first ? whole : span.startsWith('/') ? whole.replace(/\/\w+$/, span) : span,
        );
      });
    const documented = fixedOperations.map(({ method, route }) => `${method.toUpperCase()} ${route}`);
    expect(told.sort()).toEqual(documented.sort());
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

/** The routes in Fastify's drawing of them, without those of the dashboard's files. */
function routesOf(drawing: string): string[] {
  const routes: string[] = [];
  const stack: string[] = [];
  for (const line of drawing.split('\n')) {
    const [, indent = '', part = '', methods = ''] =
      /^((?:[│ ] {3})*)[├└]── (\S+)(?: \((.+)\))?$/.exec(line) ?? [];
    if (part === '') continue;
    stack.length = indent.length / 4;
    stack.push(part);
    for (const method of methods.split(', ')) {
      if (method === 'GET' || method === 'POST') routes.push(`${method} ${stack.join('')}`);
    }
  }
  expect(routes.length).toBeGreaterThan(10);
  return routes.filter((route) => !route.endsWith('*') && !/ \/$/.test(route));
}
