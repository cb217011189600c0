import { monitorEventLoopDelay } from 'node:perf_hooks';
import { describe, expect, it } from 'vitest';
import { errorTable } from '@bkg/sdk';
import { declared } from '../src/openapi/access-operations.ts';
import { Catalog } from '../src/mesh/catalog.ts';
import { LiveDocument } from '../src/openapi/live-document.ts';
import {
  assertDocument,
  capabilityOf,
  createCheck,
  documentOf,
  inputAt,
  operationsOf,
  pluginOf,
  withInput,
} from './openapi-document.ts';

describe('the document without any plugin', () => {
  it('is one by the schema of OpenAPI 3.1', async () => {
    const document = await documentOf();
    expect(document.openapi).toBe('3.1.1');
    await assertDocument(document);
  });

  it('names only codes of the error table and of the keeper of the keys, each under its own number', async () => {
    const known: Record<string, { number: number }> = { ...errorTable, ...declared };
    const text = JSON.stringify(await documentOf());
    const codes = [...text.matchAll(/"code":\{"enum":\[([^\]]*)\]/g)].flatMap(
      ([, list]) => JSON.parse(`[${list}]`) as string[],
    );
    expect(codes.length).toBeGreaterThan(50);
    for (const code of codes) expect(Object.keys(known)).toContain(code);
    for (const { operation } of operationsOf(await documentOf())) {
      for (const [status, response] of Object.entries(operation.responses)) {
        if (Number(status) < 400 || '$ref' in response) continue;
        const [, ...named] = JSON.stringify(response.content).match(/[A-Z]+(_[A-Z]+)*(?=")/g) ?? [];
        for (const code of named) expect([code, String(known[code]?.number)]).toEqual([code, status]);
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
    expect(document.components.responses['Invocation429']?.headers).toMatchObject({
      'Retry-After': { $ref: '#/components/headers/RetryAfter' },
      RateLimit: { $ref: '#/components/headers/RateLimit' },
    });
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
