import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { delay } from '@bkg/sdk/host';
import { eventually } from '@bkg/sdk/testing';
import { prefixOf, strangeKey, withWrongSecret } from './keeper.ts';
import { signIn, startAccessMesh } from './access-mesh.ts';
import type { AccessMesh } from './access-mesh.ts';

let mesh: AccessMesh;

beforeEach(async () => {
  mesh = await startAccessMesh({ attempts: { windowMs: 2_000 } });
});

afterEach(() => mesh[Symbol.asyncDispose]());

async function get(key: string): Promise<number> {
  return (await mesh.send('GET', '/api/plugins', { key })).status;
}

describe('wrong keys', () => {
  it('are refused by the twentieth without being looked at, and it is said for how long', async () => {
    const statuses: number[] = [];
    for (let i = 0; i < 19; i += 1) statuses.push(await get(strangeKey()));
    expect(new Set(statuses)).toEqual(new Set([401]));
    const { questions } = mesh.keeper;
    const answer = await mesh.send('GET', '/api/plugins', { key: strangeKey() });
    expect([answer.status, answer.code, answer.headers.get('retry-after')]).toEqual([
      429,
      'RATE_LIMITED',
      '2',
    ]);
    expect(answer.headers.get('www-authenticate')).toBeNull();
    expect(mesh.keeper.questions).toBe(questions);
    await delay(2_100);
    expect(await get(strangeKey())).toBe(401);
  });

  it('are no more for coming all at once', async () => {
    const statuses = await Promise.all(Array.from({ length: 100 }, () => get(strangeKey())));
    expect(statuses.filter((one) => one === 401)).toHaveLength(19);
    expect(statuses.filter((one) => one === 429)).toHaveLength(81);
    expect(mesh.keeper.questions).toBe(19);
  });

  it('do not keep a good one from the same address from working', async () => {
    const key = mesh.keeper.make(['read']);
    expect(await get(key)).toBe(200);
    for (let i = 0; i < 25; i += 1) await get(strangeKey());
    expect(await get(strangeKey())).toBe(429);
    expect(await get(key)).toBe(200);
    const cookie = await signIn(mesh, key);
    expect((await mesh.send('GET', '/api/plugins', { cookie })).status).toBe(200);
    // Nor do guesses of its own secret.
    expect(await get(withWrongSecret(key))).toBe(429);
    expect(await get(key)).toBe(200);
    expect((await mesh.send('GET', '/api/plugins', { cookie })).status).toBe(200);
    await signIn(mesh, key);
  });

  it('are counted in whatever way they are given', async () => {
    for (let i = 0; i < 10; i += 1) await mesh.send('POST', '/api/session', { body: { key: strangeKey() } });
    for (let i = 0; i < 5; i += 1) await get('garbage');
    for (let i = 0; i < 4; i += 1)
      await mesh.send('POST', '/api/session', { body: { ticket: 'a'.repeat(52) } });
    const answers = [
      await get(strangeKey()),
      (await mesh.send('POST', '/api/session', { body: { key: strangeKey() } })).status,
    ];
    expect(answers).toEqual([429, 429]);
  });

  it('in cookies keep neither people from signing in, nor those from going on who have', async () => {
    const cookie = await signIn(mesh, mesh.keeper.make(['read']));
    expect((await mesh.send('GET', '/api/plugins', { cookie })).status).toBe(200);
    for (let i = 0; i < 25; i += 1) {
      await mesh.send('GET', '/api/plugins', {
        cookie: `bkg_session=${'a'.repeat(51)}${'abcdefghijklmnopqrstuvwxyz'[i]}`,
      });
    }
    const answer = await mesh.send('GET', '/api/plugins', { cookie: `bkg_session=${'b'.repeat(52)}` });
    expect(answer.status).toBe(429);
    expect((await mesh.send('GET', '/api/plugins', { cookie })).status).toBe(200);
    await signIn(mesh, mesh.keeper.make(['read']));
  });
});

describe('the keeper of the keys', () => {
  it('is not asked for each request', async () => {
    const key = mesh.keeper.make(['read']);
    await Promise.all(Array.from({ length: 50 }, () => get(key)));
    expect(mesh.keeper.questions).toBe(1);
  });

  it('may be away: who is remembered goes on, who is not has to wait', async () => {
    const key = mesh.keeper.make(['read']);
    expect(await get(key)).toBe(200);
    await mesh.keeper.stop();
    expect(await get(key)).toBe(200);
    const answer = await mesh.send('GET', '/api/plugins', { key: mesh.keeper.make(['read']) });
    expect([answer.status, answer.code]).toEqual([503, 'PLUGIN_UNAVAILABLE']);
    expect(answer.text).toContain('apikeys');
    // It is nobody's fault.
    for (let i = 0; i < 25; i += 1) expect(await get(strangeKey())).toBe(503);
    expect((await mesh.send('GET', '/livez')).status).toBe(200);
  });
});

describe('the audit', () => {
  it('has what was refused: who, from where, what and why, and no secret', async () => {
    const key = mesh.keeper.make(['read:one']);
    const wrong = strangeKey();
    await mesh.send('GET', '/api/plugins/two?x=secret-in-the-address', { key });
    await mesh.send('POST', '/api/plugins/one/stop', { key });
    await mesh.send('POST', '/api/plugins/one/invoke/echo', { body: {} });
    await mesh.send('DELETE', `/api/keys/${prefixOf(key)}`, { key });
    await get(wrong);
    await mesh.send('GET', '/api/audit');
    await eventually(() => mesh.audit.length >= 6);
    expect(mesh.audit).toMatchObject([
      {
        who: prefixOf(key),
        via: 'http',
        from: '127.0.0.1',
        action: 'read',
        target: 'two',
        result: 'FORBIDDEN',
      },
      { who: prefixOf(key), action: 'control.stop', target: 'one', result: 'FORBIDDEN' },
      { who: '?', action: 'invoke', target: 'one', result: 'UNAUTHENTICATED' },
      { who: prefixOf(key), action: 'key.revoke', target: prefixOf(key), result: 'FORBIDDEN' },
      { who: '?', action: 'read', result: 'UNAUTHENTICATED' },
      { who: '?', action: 'audit.list', target: '/api/audit', result: 'UNAUTHENTICATED' },
    ]);
    const text = JSON.stringify(mesh.audit);
    for (const secret of [key.split('_')[2]!, wrong.split('_')[2]!, 'secret-in-the-address']) {
      expect(text).not.toContain(secret);
    }
  });

  it('has no secret of a key that somebody has put into an address', async () => {
    const key = mesh.keeper.make(['read']);
    await mesh.send('DELETE', `/api/keys/${key}`, { key });
    await mesh.send('POST', `/api/plugins/${key}/stop`, { key });
    await mesh.send('GET', `/api/keys/${key}`);
    for (let i = 0; i < 25; i += 1) await mesh.send('GET', `/api/keys/${key}`, { key: strangeKey() });
    await eventually(() => mesh.audit.some(({ result }) => result === 'RATE_LIMITED'));
    expect(mesh.audit[0]).toMatchObject({ action: 'key.revoke', target: `bkg_${prefixOf(key)}_********` });
    expect(JSON.stringify(mesh.audit)).not.toContain(key.split('_')[2]);
    const { text } = await mesh.send('DELETE', `/api/keys/${key}`, { key: mesh.keeper.make(['admin']) });
    expect(text).not.toContain(key.split('_')[2]?.slice(0, 10));
  });

  it('is not flooded: of a hundred wrong keys it has the first, and a count', async () => {
    for (let i = 0; i < 100; i += 1) await get(strangeKey());
    await eventually(() => mesh.audit.filter(({ result }) => result === 'RATE_LIMITED').length === 20);
    await delay(200);
    expect(mesh.audit.filter(({ result }) => result === 'UNAUTHENTICATED')).toHaveLength(19);
    expect(mesh.audit).toHaveLength(39);
  });

  it('says nothing of the question whether anybody is signed in', async () => {
    expect((await mesh.send('GET', '/api/session')).status).toBe(401);
    await mesh.send('GET', '/api/keys');
    await eventually(() => mesh.audit.length > 0);
    expect(mesh.audit.map(({ action }) => action)).toEqual(['key.list']);
  });
});

describe('after the broker was away', () => {
  it('a key that was revoked meanwhile does no more', async () => {
    const key = mesh.keeper.make(['read']);
    expect(await get(key)).toBe(200);
    await mesh.nats.kill();
    await eventually(() => !mesh.app.broker.connected);
    // Nobody hears of it.
    mesh.keeper.revoke(key);
    await mesh.nats.restart();
    await eventually(() => mesh.app.broker.connected);
    await eventually(async () => (await get(key)) === 401);
  });
});
