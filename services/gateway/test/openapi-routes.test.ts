import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '@bkg/sdk/testing';
import { fixedOperations } from '../src/openapi/fixed-operations.ts';
import { assertDocument } from './openapi-document.ts';
import type { Document } from './openapi-document.ts';
import { entryOf, startMesh } from './mesh.ts';
import { routesOf } from './routes-of.ts';
import type { TestMesh } from './mesh.ts';

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
        const [, path = ''] = / (\/.*)$/.exec(spans.find((span) => span.includes(' ')) ?? '') ?? [];
        // `POST /a/start` `/stop`: the same with another end. `GET` `POST /a`: both of that.
        return spans.map((span) => {
          if (!span.includes('/')) return `${span} ${path}`;
          if (span === first) return whole;
          return span.startsWith('/') ? whole.replace(/\/\w+$/, span) : span;
        });
      });
    const documented = fixedOperations.map(({ method, route }) => `${method.toUpperCase()} ${route}`);
    expect(told.sort()).toEqual(documented.sort());
  });
});
