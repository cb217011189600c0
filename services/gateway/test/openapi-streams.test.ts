import { describe, expect, it } from 'vitest';
import { pluginPage } from '../src/openapi/docs/pages.ts';
import {
  assertDocument,
  capabilityOf,
  createCheck,
  documentOf,
  operationsOf,
  pluginOf,
} from './openapi-document.ts';
import type { PluginCapability } from '@bkg/sdk';

async function operationOf(changes: Partial<PluginCapability>) {
  const document = await documentOf(pluginOf('x', [capabilityOf('a', changes)]));
  await assertDocument(document);
  const operation = document.paths['/api/plugins/x/invoke/a']?.post;
  if (!operation) throw new Error('the capability has no operation');
  const [answer] = Object.values(operation.responses) as { content?: Record<string, unknown> }[];
  return {
    document,
    operation,
    takes: Object.keys(operation.requestBody?.content ?? {}),
    gives: Object.keys(answer?.content ?? {}),
  };
}

const count = { type: 'object', required: ['n'], properties: { n: { type: 'integer' } } };

describe('a capability that streams, in the document', () => {
  it('answers as JSON or in events, and says what its chunks are', async () => {
    const { document, operation, gives } = await operationOf({ stream: true, chunk_schema: count });
    expect(gives).toEqual(['application/json', 'text/event-stream']);
    expect(operation['x-stream']).toEqual({ chunk: { $ref: '#/components/schemas/x.a.Chunk' } });
    expect(operation.description).toContain('text/event-stream');
    const fits = createCheck(document);
    expect([
      fits('#/components/schemas/x.a.Chunk', { n: 1 }),
      fits('#/components/schemas/x.a.Chunk', {}),
    ]).toEqual([true, false]);
  });

  it('of bytes answers with these alone', async () => {
    const { operation, gives } = await operationOf({ stream: true, chunk_type: 'video/*' });
    expect(gives).toEqual(['video/*']);
    expect(operation['x-stream']).toEqual({ chunk_type: 'video/*' });
  });

  it('may have chunks of any shape', async () => {
    const { operation } = await operationOf({ stream: true });
    expect(operation['x-stream']).toEqual({ chunk: {} });
  });

  it('is not said of others', async () => {
    const { operation, takes, gives } = await operationOf({});
    expect([takes, gives]).toEqual([['application/json'], ['application/json']]);
    expect(operation).not.toHaveProperty('x-stream');
    expect(operation).not.toHaveProperty('x-upload');
  });

  it('has a chunk schema that counts for the bounds, and leads nowhere', async () => {
    const large = { type: 'object', properties: { a: { description: 'x'.repeat(60_000) } } };
    const many = Array.from({ length: 20 }, (_, i) =>
      capabilityOf(`c${i}`, { stream: true, chunk_schema: large }),
    );
    const document = await documentOf(pluginOf('large', many));
    await assertDocument(document);
    expect(JSON.stringify(document).length).toBeLessThan(1_500_000);
    const own = operationsOf(document).filter(({ operation }) => operation.tags[0] === 'large');
    expect(own.filter(({ operation }) => operation.description?.includes('not shown'))).not.toEqual([]);
    const outside = await operationOf({ stream: true, chunk_schema: { $ref: 'https://example.org/x' } });
    expect(outside.operation['x-stream']).toEqual({ chunk: {} });
  });
});

describe('bytes in the document', () => {
  it('have their content types and no schema', async () => {
    const { operation, takes, gives } = await operationOf({
      upload: true,
      input_type: 'audio/wav',
      output_type: 'image/*',
    });
    expect([takes, gives]).toEqual([['audio/wav'], ['image/*']]);
    expect(operation['x-upload']).toBe(true);
  });
});

describe('the page of a plugin', () => {
  const pageOf = (changes: Partial<PluginCapability>): string =>
    pluginPage(pluginOf('x', [capabilityOf('a', changes)]), { origin: 'http://localhost:43119' })
      .replaceAll(/<[^>]*>/g, ' ')
      .replaceAll('&#39;', "'")
      .replaceAll('&lt;', '<')
      .replaceAll('&gt;', '>')
      .replaceAll(/\s+/g, ' ');

  it('shows how to see chunks as they come, and what they are', () => {
    const page = pageOf({ stream: true, chunk_schema: count });
    expect(page).toContain('Each chunk object n whole number required');
    expect(page).toContain("-N \\ -H 'Accept: text/event-stream'");
  });

  it('shows how to send a file and how to get one', () => {
    const page = pageOf({ upload: true, input_type: 'image/*', stream: true, chunk_type: '*/*' });
    expect(page).toContain("-H 'Content-Type: image/<type>'");
    expect(page).toContain('--data-binary @<file>');
    expect(page).toContain('-o <file>');
  });
});
