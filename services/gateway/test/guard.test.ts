import { connect } from 'node:net';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { Problem } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import { entryOf, serve, startMesh } from './mesh.ts';
import type { TestMesh } from './mesh.ts';

let mesh: TestMesh;
let invocations = 0;

beforeAll(async () => {
  mesh = await startMesh();
  await mesh.supervisor.put(entryOf('echo'));
  await serve(mesh.peer, 'echo', 'echo', (msg) => {
    invocations += 1;
    msg.respond(msg.data);
  });
  await eventually(() => mesh.app.catalog.get('echo'));
});

afterAll(() => mesh[Symbol.asyncDispose]());

/** What the gateway answers to exactly these bytes, until it closes or has been silent for a moment. */
function send(text: string, silenceMs = 1_000): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(mesh.port, '127.0.0.1', () => socket.write(text));
    socket.setTimeout(silenceMs, () => socket.destroy());
    socket.on('data', (chunk) => (answer += chunk.toString()));
    socket.on('error', reject);
    socket.on('close', () => resolve(answer));
  });
}

function request(method: string, path: string, headers: Record<string, string>, body = ''): Promise<string> {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return send([`${method} ${path} HTTP/1.1`, 'Connection: close', ...lines, '', body].join('\r\n'));
}

function problemIn(answer: string): Problem {
  return JSON.parse(answer.slice(answer.indexOf('\r\n\r\n'))) as Problem;
}

describe('the guard', () => {
  it.each(['/', '/plugins', '/api/plugins', '/livez', '/readyz', '/favicon.svg', '/nothing'])(
    'refuses a request for %s under another name, as DNS rebinding makes them',
    async (path) => {
      for (const host of [
        'evil.example',
        `evil.example:${mesh.port}`,
        '127.0.0.1',
        `127.0.0.1:${mesh.port + 1}`,
      ]) {
        const answer = await request('GET', path, { Host: host, Accept: 'text/html' });
        expect(answer).toMatch(/^HTTP\/1.1 403 /);
        expect(problemIn(answer)).toMatchObject({ code: 'FORBIDDEN', status: 403 });
        expect(problemIn(answer).detail).toContain(`localhost:${mesh.port}`);
      }
    },
  );

  it('refuses a request without Host, of HTTP/1.1 and of HTTP/1.0', async () => {
    expect(problemIn(await request('GET', '/api/plugins', {})).detail).toContain(
      'The Host header is missing',
    );
    expect(await send('GET /api/plugins HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1.1 403 /);
  });

  it.each(['http://evil.example', 'null', 'https://127.0.0.1', ''])(
    'refuses a request of a page of %s and carries nothing out',
    async (origin) => {
      const before = invocations;
      const body = '{}';
      for (const type of ['application/json', 'text/plain', 'application/x-www-form-urlencoded']) {
        const headers = {
          Host: `127.0.0.1:${mesh.port}`,
          Origin: origin,
          'Content-Type': type,
          'Content-Length': String(body.length),
        };
        const answer = await request('POST', '/api/plugins/echo/invoke/echo', headers, body);
        expect(problemIn(answer)).toMatchObject({ code: 'FORBIDDEN' });
      }
      expect(invocations).toBe(before);
    },
  );

  it('refuses a preflight and never allows another origin', async () => {
    const answer = await request('OPTIONS', '/api/plugins/echo/invoke/echo', {
      Host: `127.0.0.1:${mesh.port}`,
      Origin: 'http://evil.example',
      'Access-Control-Request-Method': 'POST',
    });
    expect(answer).toMatch(/^HTTP\/1.1 403 /);
    expect(answer.toLowerCase()).not.toContain('access-control-allow');
  });

  it('lets our own page and programs through', async () => {
    for (const host of [`localhost:${mesh.port}`, `127.0.0.1:${mesh.port}`, `[::1]:${mesh.port}`]) {
      expect(await request('GET', '/api/plugins', { Host: host })).toMatch(/^HTTP\/1.1 200 /);
      const fromPage = await request('GET', '/api/plugins', { Host: host, Origin: `http://${host}` });
      expect(fromPage).toMatch(/^HTTP\/1.1 200 /);
    }
  });

  it.each([
    ['Origin', { origin: 'http://evil.example' }],
    ['Host', { headers: { host: 'evil.example' } }],
  ])('refuses the upgrade of a WebSocket with another %s', async (_what, options) => {
    const socket = new WebSocket(`ws://127.0.0.1:${mesh.port}/ws/plugins/echo`, options);
    const status = await new Promise((resolve) => {
      socket.on('unexpected-response', (_request, response) => resolve(response.statusCode));
      socket.on('open', () => resolve('open'));
      socket.on('error', (error) => resolve(error.message));
    });
    expect(status).toBe(403);
    // The other end keeps it open; an upgraded socket is nobody's, so that nobody else would close it.
    const count = (): Promise<number> => promisify(mesh.app.server.getConnections.bind(mesh.app.server))();
    mesh.app.server.closeIdleConnections();
    await eventually(async () => (await count()) === 0);
    socket.terminate();
  });

  it('sets the headers that keep pages of others away', async () => {
    const { headers } = await fetch(`${mesh.url}/api/plugins`);
    expect(Object.fromEntries(headers)).toMatchObject({
      'x-content-type-options': 'nosniff',
      'cross-origin-resource-policy': 'same-origin',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
    });
  });

  it('answers garbage with a problem', async () => {
    for (const garbage of [
      'HELLO\r\n\r\n',
      'GET / HTTP/9.9\r\n\r\n',
      `GET / HTTP/1.1\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
    ]) {
      const answer = await send(garbage);
      expect(answer).toMatch(/^HTTP\/1.1 400 Bad Request\r\nContent-Type: application\/problem\+json/);
      expect(problemIn(answer).code).toBe('INVALID_PAYLOAD');
    }
  });

  it.each(['', '200-ok', '100-continued'])(
    'answers the expectation "%s" with a problem',
    async (expectation) => {
      const headers = { Host: `localhost:${mesh.port}`, Expect: expectation, 'Content-Length': '2' };
      const answer = await request('POST', '/api/plugins/echo/invoke/echo', headers, '{}');
      expect(answer).toMatch(/^HTTP\/1.1 400 /);
      expect(answer).toMatch(/^x-content-type-options: nosniff\r$/im);
      expect(problemIn(answer)).toMatchObject({ code: 'INVALID_PAYLOAD', status: 400 });
      expect(problemIn(answer).detail).toContain('100-continue');
    },
  );

  it('takes a request with an upgrade that it does not make as one without', async () => {
    const answer = await request(
      'POST',
      '/api/plugins/echo/invoke/echo',
      {
        Host: `127.0.0.1:${mesh.port}`,
        Connection: 'Upgrade, HTTP2-Settings, close',
        Upgrade: 'h2c',
        'Content-Type': 'application/json',
        'Content-Length': '2',
      },
      '42',
    );
    expect(answer).toMatch(/^HTTP\/1.1 200 /);
    expect(answer).toMatch(/\r\n\r\n42$/);
  });
});
