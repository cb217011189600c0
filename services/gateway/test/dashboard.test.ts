import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createServer } from '../src/server.ts';
import { silentLogger } from '@bkg/sdk/testing';
import { temporaryFolder } from './mesh.ts';

const page =
  '<!doctype html><meta http-equiv="content-security-policy" content="default-src \'none\'; script-src \'sha256-x\'"><title>bkg</title>';
const browser = { host: 'localhost:43119', accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };
const program = { host: 'localhost:43119', accept: '*/*' };

let app: FastifyInstance;
let build: Awaited<ReturnType<typeof temporaryFolder>>;

async function write(file: string, text: string): Promise<void> {
  const target = path.join(build.folder, 'build', file);
  await mkdir(path.dirname(target), { recursive: true });
  await writeFile(target, text);
}

beforeAll(async () => {
  build = await temporaryFolder();
  await writeFile(path.join(build.folder, 'secret.txt'), 'secret');
  await write('200.html', page);
  await write('favicon.svg', '<svg/>');
  await write('.hidden', 'hidden');
  await write('_app/version.json', '{}');
  await write('_app/immutable/entry/start.Ab12.js', 'export {}');
  app = await createServer({
    log: silentLogger,
    settings: {
      home: build.folder,
      // Nobody is there: the dashboard does not need the broker.
      servers: ['nats://127.0.0.1:1'],
      credentials: { user: 'a', password: 'b' },
      host: '127.0.0.1',
      port: 43119,
      dashboard: path.join(build.folder, 'build'),
      noAuth: true,
    },
  });
});

afterAll(async () => {
  await app.close();
  await build[Symbol.asyncDispose]();
});

describe('the dashboard', () => {
  it.each([
    '/',
    '/plugins',
    '/plugins/candle/logs?level=warn&q=model',
    '/nowhere',
    '/apis',
    '/wsx',
    '/plugins/a.b',
  ])('is the page for a browser that opens %s', async (url) => {
    for (const method of ['GET', 'HEAD'] as const) {
      const { statusCode, headers, body } = await app.inject({ method, url, headers: browser });
      expect(statusCode).toBe(200);
      expect(headers['content-type']).toBe('text/html; charset=utf-8');
      expect(headers['cache-control']).toBe('no-cache');
      expect(headers['etag']).toBeDefined();
      expect(body).toBe(method === 'GET' ? page : '');
    }
  });

  it('sends the policy that is written in the page, and the part that a page cannot set', async () => {
    const { headers } = await app.inject({ url: '/plugins', headers: browser });
    expect(headers['content-security-policy']).toBe(
      "default-src 'none'; script-src 'sha256-x'; frame-ancestors 'none'",
    );
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'same-origin',
      'cross-origin-opener-policy': 'same-origin',
    });
  });

  it('keeps files with a hash in their name for ever', async () => {
    const { statusCode, headers } = await app.inject({
      url: '/_app/immutable/entry/start.Ab12.js',
      headers: program,
    });
    expect(statusCode).toBe(200);
    expect(headers['cache-control']).toBe('public, max-age=31536000, immutable');
    expect(headers['content-type']).toMatch(/javascript/);
  });

  it.each(['/favicon.svg', '/_app/version.json'])(
    'asks again for %s, and is told when nothing changed',
    async (url) => {
      const first = await app.inject({ url, headers: program });
      expect([first.statusCode, first.headers['cache-control']]).toEqual([200, 'no-cache']);
      const again = await app.inject({
        url,
        headers: { ...program, 'if-none-match': first.headers['etag'] as string },
      });
      expect([again.statusCode, again.body]).toEqual([304, '']);
    },
  );

  it.each(['/_app/immutable/entry/gone.js', '/_app/nothing', '/_app/immutable', '/_app/'])(
    'does not answer %s with the page: 404 that nobody keeps',
    async (url) => {
      const { statusCode, headers } = await app.inject({ url, headers: browser });
      expect([statusCode, headers['cache-control']]).toEqual([404, 'no-store']);
      expect(headers['content-type']).toBe('application/problem+json');
    },
  );

  it.each(['/api/nothing', '/api', '/ws/nothing', '/ws/'])('leaves %s to the API', async (url) => {
    const { statusCode, headers } = await app.inject({ url, headers: browser });
    expect([statusCode, headers['content-type']]).toEqual([404, 'application/problem+json']);
  });

  it('answers programs that ask for a file that is not there with 404, but gives them the first page', async () => {
    expect((await app.inject({ url: '/plugins', headers: program })).statusCode).toBe(404);
    expect((await app.inject({ url: '/robots.txt', headers: program })).statusCode).toBe(404);
    expect((await app.inject({ url: '/', headers: program })).body).toBe(page);
    expect((await app.inject({ method: 'POST', url: '/plugins', headers: browser })).statusCode).toBe(404);
  });

  it.each([
    '/../secret.txt',
    '/%2e%2e/secret.txt',
    '/..%2fsecret.txt',
    '/_app/../../secret.txt',
    '/_app/%2e%2e/%2e%2e/secret.txt',
    '/....//secret.txt',
    '/%00/secret.txt',
    '/..%5csecret.txt',
    '//etc/passwd',
    '/.hidden',
  ])('gives nothing away beyond its folder: %s', async (url) => {
    for (const headers of [browser, program]) {
      const { body, statusCode } = await app.inject({ url, headers });
      expect([200, 400, 404]).toContain(statusCode);
      expect(body).not.toContain('secret"');
      expect(body).not.toBe('secret');
      expect(body).not.toBe('hidden');
    }
  });

  it('leaves ids to their routes, however long they are', async () => {
    for (const length of [150, 5_000]) {
      const { statusCode, body } = await app.inject({
        url: `/api/plugins/${'a'.repeat(length)}`,
        headers: program,
      });
      expect([statusCode, (JSON.parse(body) as { code: string }).code]).toEqual([404, 'PLUGIN_NOT_FOUND']);
    }
  });

  it('says how to build it when it is not built, and works as soon as it is', async () => {
    await rm(path.join(build.folder, 'build', '200.html'));
    const missing = await app.inject({ url: '/plugins', headers: browser });
    expect(missing.statusCode).toBe(503);
    expect(missing.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(missing.body).toContain('pnpm build');
    await write('200.html', page);
    expect((await app.inject({ url: '/plugins', headers: browser })).body).toBe(page);
  });

  it('is served while nothing else is there, and the API says what is missing', async () => {
    expect((await app.inject({ url: '/livez', headers: program })).statusCode).toBe(200);
    for (const url of ['/readyz', '/api/plugins', '/api/plugins/candle']) {
      const { statusCode, body } = await app.inject({ url, headers: program });
      expect(statusCode).toBe(503);
      expect(body).toContain('The broker at nats://127.0.0.1:1 is away');
    }
  });

  it('does not show a password that stands in the address of the broker', async () => {
    const other = await createServer({
      log: silentLogger,
      settings: {
        home: build.folder,
        servers: ['nats://user:hunter2@127.0.0.1:1'],
        credentials: { user: 'a', password: 'b' },
        host: '127.0.0.1',
        port: 43119,
        dashboard: build.folder,
      },
    });
    const { body } = await other.inject({ url: '/readyz', headers: program });
    await other.close();
    expect(body).toContain('nats://127.0.0.1:1');
    expect(body).not.toContain('hunter2');
  });
});
