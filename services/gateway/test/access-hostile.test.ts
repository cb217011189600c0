import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { headerNames } from '@bkg/sdk';
import { signIn, startAccessMesh } from './access-mesh.ts';
import type { AccessMesh } from './access-mesh.ts';
import { serve, temporaryFolder } from './mesh.ts';

let mesh: AccessMesh;
let build: Awaited<ReturnType<typeof temporaryFolder>>;
let admin: string;
const page =
  `<!doctype html><meta http-equiv="content-security-policy" content="default-src 'none'; script-src 'self' 'sha256-a'">` +
  '<title>bkg</title>';

beforeAll(async () => {
  build = await temporaryFolder();
  const dashboard = path.join(build.folder, 'build');
  await mkdir(path.join(dashboard, '_app'), { recursive: true });
  await writeFile(path.join(dashboard, '200.html'), page);
  await writeFile(path.join(dashboard, 'favicon.svg'), '<svg/>');
  await writeFile(path.join(dashboard, '.env'), 'top secret');
  await writeFile(path.join(build.folder, 'admin.key'), 'top secret');
  mesh = await startAccessMesh({ settings: { dashboard } });
  admin = mesh.keeper.make(['admin']);
});

afterAll(async () => {
  await mesh[Symbol.asyncDispose]();
  await build[Symbol.asyncDispose]();
});

/** What is answered to exactly these bytes, until the other end closes or has been silent for a moment. */
function raw(text: string, silenceMs = 2_000): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(mesh.port, '127.0.0.1', () => socket.write(text, 'latin1'));
    socket.setTimeout(silenceMs, () => socket.destroy());
    socket.on('data', (chunk) => (answer += chunk.toString('latin1')));
    socket.on('error', (error) =>
      'code' in error && error.code === 'ECONNRESET' ? resolve(answer) : reject(error),
    );
    socket.on('close', () => resolve(answer));
  });
}

function lines(first: string, headers: readonly string[], body = ''): string {
  return [first, `Host: 127.0.0.1:${mesh.port}`, ...headers, '', body].join('\r\n');
}

const statusesIn = (answer: string): string[] =>
  [...answer.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status = '']) => status);
const bearer = (): string => `Authorization: Bearer ${admin}`;
const invoke = 'POST /api/plugins/one/invoke/echo HTTP/1.1';
const json = 'Content-Type: application/json';

describe('a request that two readers could take for different ones', () => {
  const smuggled = 'GET /api/keys HTTP/1.1\r\nHost: x\r\n\r\n';

  it.each([
    ['a length and chunks', ['Content-Length: 4', 'Transfer-Encoding: chunked'], `0\r\n\r\n${smuggled}`],
    ['chunks and a length', ['Transfer-Encoding: chunked', 'Content-Length: 4'], `0\r\n\r\n${smuggled}`],
    ['two lengths', ['Content-Length: 2', 'Content-Length: 40'], `{}${smuggled}`],
    ['two equal lengths', ['Content-Length: 2', 'Content-Length: 2'], '{}'],
    ['two lengths in one', ['Content-Length: 2, 40'], `{}${smuggled}`],
    ['a length that is none', ['Content-Length: +2'], '{}'],
    ['a length in hexadecimal', ['Content-Length: 0x2'], '{}'],
    ['chunks that are not the last coding', ['Transfer-Encoding: chunked, identity'], `0\r\n\r\n${smuggled}`],
    ['chunks by another name', ['Transfer-Encoding: xchunked'], `0\r\n\r\n${smuggled}`],
    ['a space before the colon', ['Transfer-Encoding : chunked'], `0\r\n\r\n${smuggled}`],
    ['a folded header', ['Transfer-Encoding:', ' chunked'], `0\r\n\r\n${smuggled}`],
    ['a lone line feed in a header', ['X: a\nTransfer-Encoding: chunked'], `0\r\n\r\n${smuggled}`],
    ['a carriage return in a header', ['X: a\rTransfer-Encoding: chunked'], `0\r\n\r\n${smuggled}`],
    ['a zero byte in a header', ['X: a\0b', 'Content-Length: 2'], '{}'],
  ])('with %s is refused, and what follows is not read as another', async (_what, headers, body) => {
    const before = mesh.invoked.length;
    const answer = await raw(lines(invoke, [bearer(), json, ...headers], body));
    expect(statusesIn(answer)).toEqual(['400']);
    expect(mesh.invoked.length).toBe(before);
  });

  it.each([
    ['Host', [`Host: evil.example`]],
    ['Authorization', ['Authorization: Bearer x']],
    ['Origin', ['Origin: http://evil.example', 'Origin: http://evil.example']],
    ['Content-Type', ['Content-Type: text/plain']],
  ])('with two of %s is refused', async (_name, headers) => {
    const answer = await raw(
      lines(invoke, [bearer(), json, ...headers, 'Content-Length: 2', 'Connection: close'], '{}'),
    );
    expect(['400', '403']).toContain(statusesIn(answer)[0]);
    expect(statusesIn(answer)).toHaveLength(1);
  });

  it('with a whole address in its first line is refused', async () => {
    const first = `GET http://evil.example/api/plugins HTTP/1.1`;
    expect(statusesIn(await raw(lines(first, [bearer(), 'Connection: close'])))).toEqual(['400']);
  });

  it('has at most 100 headers', async () => {
    const many = (count: number): string[] => Array.from({ length: count }, (_, i) => `X-${i}: 1`);
    const answer = await raw(lines('GET /livez HTTP/1.1', [...many(120), 'Connection: close']));
    expect(statusesIn(answer)).toEqual(['400']);
    expect(answer).toContain('at most 100 are taken');
    expect(statusesIn(await raw(lines('GET /livez HTTP/1.1', [...many(90), 'Connection: close'])))).toEqual([
      '200',
    ]);
  });
});

describe('a name that is not ours', () => {
  it('is refused also with a good key or a session, as DNS rebinding makes them', async () => {
    const cookie = await signIn(mesh, admin);
    for (const host of ['evil.example', `evil.example:${mesh.port}`, '127.0.0.1.nip.io', '169.254.169.254']) {
      for (const proof of [bearer(), `Cookie: ${cookie}`]) {
        const answer = await raw(
          [`GET /api/keys HTTP/1.1`, `Host: ${host}`, proof, 'Connection: close', '', ''].join('\r\n'),
        );
        expect(statusesIn(answer)).toEqual(['403']);
      }
    }
  });
});

describe('a path', () => {
  it.each([
    '/../admin.key',
    '/..%2fadmin.key',
    '/%2e%2e/admin.key',
    '/%2e%2e%2fadmin.key',
    '/..%5cadmin.key',
    '/_app/../../admin.key',
    '/_app/..%2f..%2fadmin.key',
    '/_app/%2e%2e/%2e%2e/admin.key',
    '/....//admin.key',
    '/..;/admin.key',
    '/%c0%ae%c0%ae/admin.key',
    '/%252e%252e%252fadmin.key',
    '//admin.key',
    '/.env',
    '/%2eenv',
    '/_app/..%00/admin.key',
    '/admin.key%00.svg',
    '\\..\\admin.key',
  ])('such as %s leads to no file but those of the dashboard', async (target) => {
    const answer = await raw(lines(`GET ${target} HTTP/1.1`, ['Connection: close']));
    expect(['400', '404']).toContain(statusesIn(answer)[0]);
    expect(answer).not.toContain('top secret');
  });

  it.each([
    '/api/plugins/../keys',
    '/api/plugins/one/..%2f..%2fkeys',
    '/API/KEYS',
    '//api/keys',
    '/api//keys',
    '/api/keys/',
    '/./api/keys',
    '/api/keys%00',
    '/api/keys;x=1',
  ])('such as %s lets nobody in who has no key', async (target) => {
    const answer = await raw(lines(`GET ${target} HTTP/1.1`, ['Connection: close']));
    expect(['400', '401', '404']).toContain(statusesIn(answer)[0]);
    expect(answer).not.toContain('"prefix"');
  });

  it.each(['one%2f..%2ftwo', 'one.invoke', '*', '>', 'one%20two', 'one%0d%0aX:%201', '%00', 'a%2eb'])(
    'with the id %s never becomes a part of a subject',
    async (id) => {
      const before = [mesh.invoked.length, mesh.orders.length];
      for (const [method, end] of [
        ['POST', '/invoke/echo'],
        ['POST', '/stop'],
        ['GET', '/logs'],
      ] as const) {
        const answer = await raw(
          lines(
            `${method} /api/plugins/${id}${end} HTTP/1.1`,
            [bearer(), json, 'Content-Length: 2', 'Connection: close'],
            '{}',
          ),
        );
        expect(['400', '404']).toContain(statusesIn(answer)[0]);
      }
      expect([mesh.invoked.length, mesh.orders.length]).toEqual(before);
    },
  );
});

describe('a body', () => {
  const deep = (open: string, close: string, depth: number): string =>
    open.repeat(depth) + close.repeat(depth);
  const bombs: [string, string][] = [
    ['100,000 lists in each other', deep('[', ']', 100_000)],
    ['50,000 objects in each other', `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`],
    ['a number of 100,000 digits', `{"name": ${'9'.repeat(100_000)}}`],
    ['a number beyond all numbers', '{"name": 1e999999}'],
    ['20,000 members', `{${Array.from({ length: 20_000 }, (_, i) => `"m${i}":1`).join()}}`],
    ['a member that is every object', '{"__proto__": {"name": "x"}, "constructor": {"prototype": {}}}'],
    ['a text of half a surrogate', '{"name": "\\ud800", "scopes": 1}'],
    ['20,000 scopes', `{"name": "x", "scopes": [${Array(20_000).fill('"read"').join()}]}`],
  ];

  it.each(bombs)('with %s is refused where it is read, at once', async (_what, body) => {
    const startedAt = performance.now();
    for (const [method, target] of [
      ['POST', '/api/keys'],
      ['PUT', '/api/roles/crew'],
      ['POST', '/api/session'],
      ['POST', '/api/plugins/one/swap'],
    ] as const) {
      const answer = await mesh.send(method, target, { key: admin, body });
      expect([target, answer.status === 400 || answer.status === 413]).toEqual([target, true]);
      expect(answer.text.length).toBeLessThan(40_000);
    }
    expect(performance.now() - startedAt).toBeLessThan(3_000);
    expect(({} as { name?: string }).name).toBeUndefined();
    expect((await mesh.send('GET', '/livez')).status).toBe(200);
  });

  it.each(bombs)('with %s is handed to a plugin as it is, and harms nobody', async (_what, body) => {
    const startedAt = performance.now();
    const answer = await mesh.send('POST', '/api/plugins/one/invoke/echo', { key: admin, body });
    expect([answer.status, answer.text]).toEqual([200, body]);
    const envelope = `{"capability": "echo", "payload": ${body}}`;
    const other = await mesh.send('POST', '/api/plugins/one/invoke', { key: admin, body: envelope });
    expect([200, 400]).toContain(other.status);
    expect(performance.now() - startedAt).toBeLessThan(3_000);
  });

  it('that is too large for what it is for is refused', async () => {
    const answer = await mesh.send('POST', '/api/session', { body: { key: 'x'.repeat(10_000) } });
    expect([answer.status, answer.code]).toEqual([413, 'PAYLOAD_TOO_LARGE']);
  });
});

describe('a header of an answer', () => {
  it.each([
    ['the id of an invocation', { 'bkg-invocation-id': 'a\u00e9' }, 400],
    ['a time', { 'bkg-timeout-ms': '1 000' }, 400],
    ['an id with what could end a header', { 'bkg-invocation-id': 'a%0d%0aset-cookie: x=1' }, 400],
  ])('takes nothing of %s but what may be in it', async (_what, headers, status) => {
    const answer = await mesh.send('POST', '/api/plugins/one/invoke/echo', { key: admin, headers, body: {} });
    expect([answer.status, answer.headers.get('set-cookie')]).toEqual([status, null]);
  });

  it('never holds what a plugin has put a line break into', async () => {
    await serve(mesh.peer, 'one', 'split', (msg) => {
      // As bytes, which no client library would send.
      mesh.peer.respond(msg, '{}', { [headerNames.contentType]: 'text/plain\tx; a="\u00fc"' });
    });
    const answer = await mesh.send('POST', '/api/plugins/one/invoke/split', { key: admin, body: {} });
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/octet-stream']);
  });

  it('of a redirect or a page has nothing of the address', async () => {
    for (const target of ['/%0d%0aset-cookie:%20x=1', '/?%0d%0aset-cookie:%20x=1', '/api/%0d%0aX:%20y']) {
      const answer = await raw(lines(`GET ${target} HTTP/1.1`, ['Accept: text/html', 'Connection: close']));
      const [head = ''] = answer.split('\r\n\r\n', 1);
      expect(head.toLowerCase()).not.toMatch(/set-cookie|\nx:/);
    }
  });
});

describe('the headers of safety', () => {
  it('are those of a page, with the policy that its build has written', async () => {
    const { headers } = await mesh.send('GET', '/plugins', { headers: { accept: 'text/html' } });
    expect(Object.fromEntries(headers)).toMatchObject({
      'content-security-policy': "default-src 'none'; script-src 'self' 'sha256-a'; frame-ancestors 'none'",
      'x-content-type-options': 'nosniff',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'same-origin',
    });
    expect(headers.get('permissions-policy')).toContain('camera=()');
  });

  it('are those of data for data, in whatever way its address is written', async () => {
    for (const target of ['/api/keys', '/%61pi/keys', '/ap%69/plugins/one', '/%6civez']) {
      const { status, headers } = await mesh.send('GET', target, { key: admin });
      const [policy, cache] = ['content-security-policy', 'cache-control'].map((name) => headers.get(name));
      expect([target, status, policy, cache]).toEqual([
        target,
        200,
        expect.stringContaining('sandbox'),
        'no-store',
      ]);
    }
  });

  it('are on every answer, also on those that refuse', async () => {
    for (const target of [
      '/api/plugins',
      '/livez',
      '/favicon.svg',
      '/api/nothing',
      '/nothing.js',
      '/api/docs',
      '/%c0%ae',
    ]) {
      const { headers } = await mesh.send('GET', target);
      expect([target, headers.get('content-security-policy')]).toEqual([
        target,
        expect.stringMatching(/default-src 'none'.*frame-ancestors 'none'/),
      ]);
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('cross-origin-resource-policy')).toBe('same-origin');
      expect(headers.get('access-control-allow-origin')).toBeNull();
      expect(headers.get('server')).toBeNull();
      expect(headers.get('x-powered-by')).toBeNull();
    }
  });
});
