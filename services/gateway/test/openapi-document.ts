import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { expect } from 'vitest';
import type { JsonSchema, PluginCapability, RegistryEntry } from '@bkg/sdk';
import { Catalog } from '../src/mesh/catalog.ts';
import { LiveDocument } from '../src/openapi/live-document.ts';
import { problemResponses } from '../src/openapi/problem-responses.ts';
import type { Operation, PathItem, Tag } from '../src/openapi/openapi.ts';
import { entryOf } from './mesh.ts';

export interface Document {
  openapi: string;
  info: { title: string; version: string; description: string };
  tags: Tag[];
  paths: Record<string, PathItem>;
  components: { schemas: Record<string, unknown>; responses: Record<string, { headers?: unknown }> };
}

export function capabilityOf(id: string, changes: Partial<PluginCapability> = {}): PluginCapability {
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

export function pluginOf(id: string, capabilities: PluginCapability[]): RegistryEntry {
  return { ...entryOf(id), capabilities };
}

export async function documentOf(...entries: RegistryEntry[]): Promise<Document> {
  const catalog = new Catalog();
  for (const entry of entries) catalog.put(entry);
  return JSON.parse((await new LiveDocument(catalog).get()).body.toString()) as Document;
}

/** The document with one capability `a.b` of a plugin `x`, and its operation. */
export async function withInput(input_schema: JsonSchema, changes: Partial<PluginCapability> = {}) {
  const document = await documentOf(pluginOf('x', [capabilityOf('a.b', { input_schema, ...changes })]));
  const operation = document.paths['/api/plugins/x/invoke/a.b']?.post;
  if (!operation) throw new Error('the capability has no operation');
  return { document, operation };
}

export const inputAt = '#/components/schemas/x.a.b.Input';

/** The operations of a document, with where they are. */
export function operationsOf({ paths }: Document): { path: string; method: string; operation: Operation }[] {
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method, operation })),
  );
}

/**
 * Fails when the document is none by the OpenAPI Initiative's own schema, when a schema in it cannot be compiled, a
 * reference leads to nothing or out of it, two operations have the same id, or one cannot fail as every request can.
 */
export async function assertDocument(document: Document): Promise<void> {
  const { valid, errors } = await new Validator().validate({ ...structuredClone(document) });
  expect([valid, errors]).toEqual([true, undefined]);
  const ajv = compiler(document);
  for (const at of schemasOf(document)) expect(() => ajv.getSchema(`doc:${at}`), at).not.toThrow();
  for (const ref of refsOf(document)) {
    expect(ref).toMatch(/^#\//);
    expect(at(document, ref), ref).toBeDefined();
  }
  const ids = operationsOf(document).map(({ operation }) => operation.operationId);
  expect(ids.filter((id, i) => ids.indexOf(id) !== i)).toEqual([]);
  for (const { operation } of operationsOf(document)) {
    expect(Object.keys(operation.responses)).toEqual(
      expect.arrayContaining(Object.keys(problemResponses([]))),
    );
  }
}

/** Whether a value fits the schema at a pointer of the document. */
export function createCheck(document: Document): (pointer: string, value: unknown) => boolean {
  const ajv = compiler(document);
  return (pointer, value) => {
    const validate = ajv.getSchema(`doc:${pointer}`);
    if (!validate) throw new Error(`there is nothing at ${pointer}`);
    return validate(value) === true;
  };
}

function compiler(document: Document): Ajv2020 {
  const ajv = new Ajv2020({ strict: false, logger: false });
  formats.default(ajv);
  // Not as a schema, which it is none, but as what holds some.
  ajv.addSchema({ ...structuredClone(document), $id: 'doc:' }, undefined, false, false);
  return ajv;
}

/** The pointers of all schemas in it. */
function schemasOf(document: Document): string[] {
  const own = Object.keys(document.components.schemas).map((name) => `#/components/schemas/${name}`);
  const used: string[] = [];
  walk(document.paths, '#/paths', (pointer, value, key) => {
    if (key === 'schema') used.push(pointer);
    return value;
  });
  return [...own, ...used];
}

function refsOf(document: Document): string[] {
  const refs: string[] = [];
  walk(document, '#', (_pointer, value, key) => {
    if (key === '$ref' && typeof value === 'string') refs.push(value);
  });
  return refs;
}

function walk(
  value: unknown,
  pointer: string,
  see: (pointer: string, value: unknown, key: string) => void,
): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, one] of Object.entries(value)) {
    const there = `${pointer}/${encodeURIComponent(key.replaceAll('~', '~0').replaceAll('/', '~1'))}`;
    see(there, one, key);
    walk(one, there, see);
  }
}

function at(document: Document, ref: string): unknown {
  const tokens = decodeURIComponent(ref.slice(2)).split('/');
  return tokens.reduce<unknown>(
    (value, token) =>
      (Object(value) as Record<string, unknown>)[token.replaceAll('~1', '/').replaceAll('~0', '~')],
    document,
  );
}
