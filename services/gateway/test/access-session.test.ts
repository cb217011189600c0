import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NewKey, Principal, Ticket } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import { prefixOf, strangeKey } from './keeper.ts';
import { signIn, startAccessMesh } from './access-mesh.ts';
import type { AccessMesh } from './access-mesh.ts';

let mesh: AccessMesh;
let own: Record<string, string>;

beforeAll(async () => {
  mesh = await startAccessMesh();
  own = { origin: mesh.url };
});

afterAll(() => mesh[Symbol.asyncDispose]());

const who = async (cookie: string): Promise<number> =>
  (await mesh.send('GET', '/api/session', { cookie })).status;

describe('signing in', () => {
  it('gives a cookie that no script can read and no other site sends', async () => {
    const key = mesh.keeper.make(['read:one']);
    const answer = await mesh.send('POST', '/api/session', { body: { key } });
    expect(answer.status).toBe(201);
    expect(answer.headers.get('set-cookie')).toMatch(
      /^bkg_session=[a-z2-7]{52}; Max-Age=43200; Path=\/; HttpOnly; SameSite=Strict$/,
    );
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.json() as Principal).toMatchObject({ prefix: prefixOf(key), scopes: ['read:one'] });
    expect(answer.text).not.toContain(key.split('_')[2]);
    const [cookie = ''] = answer.headers.get('set-cookie')?.split(';', 1) ?? [];
    expect((await mesh.send('GET', '/api/plugins/one', { cookie })).status).toBe(200);
    expect((await mesh.send('GET', '/api/plugins/two', { cookie })).status).toBe(403);
  });

  it('makes a new session each time and ends the one before', async () => {
    const key = mesh.keeper.make(['admin']);
    const first = await signIn(mesh, key);
    const second = await signIn(mesh, key, first);
    expect(second).not.toBe(first);
    expect([await who(first), await who(second)]).toEqual([401, 200]);
  });

  it('leaves who has ended with what everybody may see', async () => {
    const cookie = await signIn(mesh, mesh.keeper.make(['read']));
    expect((await mesh.send('DELETE', '/api/session', { cookie, headers: own })).status).toBe(204);
    for (const url of ['/api/openapi.json', '/api/docs', '/livez'])
      expect([url, (await mesh.send('GET', url, { cookie })).status]).toEqual([url, 200]);
    expect((await mesh.send('GET', '/api/plugins', { cookie })).status).toBe(401);
    expect((await mesh.send('GET', '/api/openapi.json', { key: strangeKey() })).status).toBe(401);
  });

  it('never takes over a session that somebody else has put into the browser', async () => {
    const key = mesh.keeper.make(['admin']);
    const planted = `bkg_session=${'a'.repeat(52)}`;
    const own = await signIn(mesh, key, planted);
    expect(own).not.toBe(planted);
    expect(await who(planted)).toBe(401);
  });

  it.each([
    ['a key that nobody knows', () => ({ key: strangeKey() }), 401],
    ['something that is no key', () => ({ key: 'bkg_x' }), 401],
    ['a revoked key', () => ({ key: mesh.keeper.make([], { revoked_at: new Date(0).toISOString() }) }), 401],
    ['an expired key', () => ({ key: mesh.keeper.make([], { expires_at: new Date(0).toISOString() }) }), 401],
    ['a ticket that nobody has made', () => ({ ticket: 'a'.repeat(52) }), 401],
    ['something that is no ticket', () => ({ ticket: '../' }), 401],
    ['both', () => ({ ticket: 'a'.repeat(52), key: strangeKey() }), 400],
    ['neither', () => ({}), 400],
    ['another type', () => ({ key: { $ne: null } }), 400],
    ['something else with it', () => ({ key: strangeKey(), remember: true }), 400],
  ])('with %s is refused, without repeating it', async (_what, bodyOf, status) => {
    const body = bodyOf();
    const answer = await mesh.send('POST', '/api/session', { body });
    expect(answer.status).toBe(status);
    expect(answer.headers.get('set-cookie')).toBeNull();
    for (const value of Object.values(body)) {
      if (typeof value === 'string' && value.length > 5) expect(answer.text).not.toContain(value);
    }
  });

  it('does not show a key in what it says of a body that cannot be read', async () => {
    const key = mesh.keeper.make(['admin']);
    for (const body of [`{"key": "${key}"`, `"${key}"`, `{"key": "${key}${'x'.repeat(100)}"}`]) {
      const answer = await mesh.send('POST', '/api/session', { body });
      expect(answer.status).toBe(400);
      expect(answer.text).not.toContain(key);
    }
  });
});

describe('a sign-in link', () => {
  it('does once', async () => {
    const key = mesh.keeper.make(['read']);
    const made = await mesh.send('POST', '/api/session/tickets', { key });
    expect(made.status).toBe(201);
    const { ticket } = made.json() as Ticket;
    const first = await mesh.send('POST', '/api/session', { body: { ticket } });
    expect([first.status, (first.json() as Principal).prefix]).toEqual([201, prefixOf(key)]);
    expect((await mesh.send('POST', '/api/session', { body: { ticket } })).status).toBe(401);
  });

  it('cannot be made from a session, which would never end then', async () => {
    const cookie = await signIn(mesh, mesh.keeper.make(['admin']));
    const answer = await mesh.send('POST', '/api/session/tickets', { cookie, headers: own });
    expect([answer.status, answer.code]).toEqual([403, 'FORBIDDEN']);
  });
});

describe('a session', () => {
  it('ends when it is signed out of, and the cookie is cleared', async () => {
    const cookie = await signIn(mesh, mesh.keeper.make(['admin']));
    const answer = await mesh.send('DELETE', '/api/session', { cookie, headers: own });
    expect([answer.status, answer.headers.get('set-cookie')]).toEqual([
      204,
      'bkg_session=; Max-Age=0; Path=/; HttpOnly; SameSite=Strict',
    ]);
    expect(await who(cookie)).toBe(401);
  });

  it('ends by itself', async () => {
    mesh.keeper.sessionSecs = 1;
    const cookie = await signIn(mesh, mesh.keeper.make(['admin']));
    mesh.keeper.sessionSecs = 3_600;
    expect(await who(cookie)).toBe(200);
    await eventually(async () => (await who(cookie)) === 401);
  });

  it('ends with its key', async () => {
    const key = mesh.keeper.make(['admin']);
    const cookie = await signIn(mesh, key);
    expect(await who(cookie)).toBe(200);
    mesh.keeper.revoke(key);
    await eventually(async () => (await who(cookie)) === 401);
  });

  it('may do what its key may do now', async () => {
    const key = mesh.keeper.make(['read:one']);
    const cookie = await signIn(mesh, key);
    const sees = async (id: string): Promise<number> =>
      (await mesh.send('GET', `/api/plugins/${id}`, { cookie })).status;
    expect([await sees('one'), await sees('two')]).toEqual([200, 403]);
    mesh.keeper.change(key, { scopes: ['read:two'] });
    await eventually(async () => (await sees('two')) === 200);
    expect(await sees('one')).toBe(403);
  });

  it('counts less than a key that comes with it', async () => {
    const cookie = await signIn(mesh, mesh.keeper.make(['admin']));
    const key = mesh.keeper.make(['read:one']);
    expect((await mesh.send('GET', '/api/keys', { cookie, key })).status).toBe(403);
    expect((await mesh.send('GET', '/api/keys', { cookie, key: strangeKey() })).status).toBe(401);
    // And what it changes needs no Origin then.
    const invoke = { cookie, key: mesh.keeper.make(['invoke']), body: {} };
    expect((await mesh.send('POST', '/api/plugins/one/invoke/echo', invoke)).status).toBe(200);
  });

  it('is not asked for by what is open to everybody', async () => {
    const cookie = `bkg_session=${'b'.repeat(52)}`;
    for (const path of ['/livez', '/', '/favicon.svg', '/api/nothing']) {
      expect([path, (await mesh.send('GET', path, { cookie })).status]).not.toEqual([path, 401]);
    }
    expect((await mesh.send('GET', '/api/docs', { cookie })).status).toBe(200);
  });

  it.each([
    'bkg_session=',
    'bkg_session=x',
    `bkg_session=${'A'.repeat(52)}`,
    `bkg_session="${'a'.repeat(52)}"`,
  ])('is none for the cookie %s, of which nobody is asked', async (cookie) => {
    const before = mesh.keeper.questions;
    expect(await who(cookie)).toBe(401);
    expect(mesh.keeper.questions).toBe(before);
  });

  it('is none where two are sent, of which a neighbour on this host has set one', async () => {
    const cookie = await signIn(mesh, mesh.keeper.make(['admin']));
    expect(await who(`bkg_session=${'c'.repeat(52)}; ${cookie}`)).toBe(401);
    expect(await who(`other=1; ${cookie}; x=y`)).toBe(200);
  });
});

describe('a request with a session that changes something', () => {
  const paths = ['/api/plugins/one/invoke/echo', '/api/plugins/one/stop', '/api/session/tickets'];

  it.each([
    ['nothing that says from where', {}],
    ['another site', { 'sec-fetch-site': 'cross-site' }],
    ['a neighbour on another port', { 'sec-fetch-site': 'same-site' }],
    ['nobody', { 'sec-fetch-site': 'none' }],
    ['another page', { origin: 'http://evil.example' }],
    ['a page without a site', { origin: 'null' }],
    ['our page by TLS', { origin: 'https://127.0.0.1' }],
  ])('is refused with %s, and nothing is carried out', async (_what, headers) => {
    const cookie = await signIn(mesh, mesh.keeper.make(['admin']));
    const before = [mesh.invoked.length, mesh.orders.length];
    for (const path of paths) {
      const answer = await mesh.send('POST', path, { cookie, headers });
      expect([answer.status, answer.code]).toEqual([403, 'FORBIDDEN']);
    }
    expect([mesh.invoked.length, mesh.orders.length]).toEqual(before);
  });

  it('is let through from our own page', async () => {
    const cookie = await signIn(mesh, mesh.keeper.make(['admin']));
    for (const headers of [own, { 'sec-fetch-site': 'same-origin' }]) {
      const answer = await mesh.send('POST', '/api/plugins/one/invoke/echo', { cookie, headers, body: {} });
      expect(answer.status).toBe(200);
    }
  });

  it('even to read is not let through for a page of another site', async () => {
    const cookie = await signIn(mesh, mesh.keeper.make(['admin']));
    for (const site of ['cross-site', 'same-site']) {
      const headers = { 'sec-fetch-site': site };
      expect((await mesh.send('GET', '/api/plugins', { cookie, headers })).status).toBe(403);
    }
    expect((await mesh.send('GET', '/api/plugins', { cookie })).status).toBe(200);
  });
});

describe('a mesh with a public address', () => {
  it('has cookies and headers for TLS, and takes the name', async () => {
    await using far = await startAccessMesh({ settings: { publicUrl: new URL('https://mesh.example') } });
    const key = far.keeper.make(['admin']);
    const headers = { host: 'mesh.example', origin: 'https://mesh.example' };
    const { app } = far;
    const signed = await app.inject({ method: 'POST', url: '/api/session', headers, payload: { key } });
    expect(signed.statusCode).toBe(201);
    expect(signed.headers['set-cookie']).toMatch(
      /^__Host-bkg_session=\w+; Max-Age=43200; Path=\/; HttpOnly; SameSite=Strict; Secure$/,
    );
    expect(signed.headers['strict-transport-security']).toBe('max-age=63072000');
    const [cookie = ''] = String(signed.headers['set-cookie']).split(';', 1);
    const change = { method: 'POST', url: '/api/plugins/one/invoke/echo', payload: {} } as const;
    expect((await app.inject({ ...change, headers: { ...headers, cookie } })).statusCode).toBe(200);
    // As the name without the mark, which a page without TLS could have set.
    const plain = { ...headers, cookie: cookie.replace('__Host-', '') };
    expect((await app.inject({ ...change, headers: plain })).statusCode).toBe(401);
    const evil = { ...headers, origin: 'https://evil.example' };
    expect((await app.inject({ ...change, headers: { ...evil, cookie } })).statusCode).toBe(403);
    const other = { host: 'other.example' };
    expect((await app.inject({ url: '/api/plugins', headers: other })).statusCode).toBe(403);
  });

  it('has none of that header without TLS', async () => {
    expect((await mesh.send('GET', '/livez')).headers.get('strict-transport-security')).toBeNull();
  });
});

describe('the secret of a key', () => {
  it('does not do with the prefix of another', async () => {
    const [one, other] = [mesh.keeper.make(['admin']), mesh.keeper.make([])];
    expect((await mesh.send('GET', '/api/keys', { key: one })).status).toBe(200);
    const mixed = `bkg_${prefixOf(other)}_${one.split('_')[2]}`;
    expect((await mesh.send('GET', '/api/keys', { key: mixed })).status).toBe(401);
  });

  it('is told once, to who has made it', async () => {
    const admin = mesh.keeper.make(['admin']);
    const made = await mesh.send('POST', '/api/keys', {
      key: admin,
      body: { name: 'new', scopes: ['read'] },
    });
    const { key, secret } = made.json() as NewKey;
    expect((await mesh.send('GET', '/api/plugins', { key: secret })).status).toBe(200);
    for (const path of ['/api/keys', `/api/keys/${key.prefix}`]) {
      expect((await mesh.send('GET', path, { key: admin })).text).not.toContain(secret.split('_')[2]);
    }
  });

  it('is another after a rotation, at once', async () => {
    const admin = mesh.keeper.make(['admin']);
    const key = mesh.keeper.make(['read']);
    expect((await mesh.send('GET', '/api/plugins', { key })).status).toBe(200);
    const rotated = await mesh.send('POST', `/api/keys/${prefixOf(key)}/rotate`, { key: admin, body: {} });
    const { secret } = rotated.json() as NewKey;
    expect((await mesh.send('GET', '/api/plugins', { key })).status).toBe(401);
    expect((await mesh.send('GET', '/api/plugins', { key: secret })).status).toBe(200);
  });
});
