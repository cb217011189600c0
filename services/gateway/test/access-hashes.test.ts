import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSecret } from '@bkg/sdk/access';
import { eventually } from '@bkg/sdk/testing';
import { startAccessMesh } from './access-mesh.ts';
import type { AccessMesh, SendOptions } from './access-mesh.ts';
import { strangeKey, withWrongSecret } from './keeper.ts';

let mesh: AccessMesh;
/** Everything that anybody in this process has had hashed since the test began, in whatever way. */
let hashed: string[];
const { hash, createHash, createHmac } = crypto;

beforeEach(async () => {
  mesh = await startAccessMesh();
  hashed = [];
  crypto.hash = ((algorithm: string, data: string, ...more: []) => {
    hashed.push(String(data));
    return hash(algorithm, data, ...more);
  }) as typeof hash;
  const noting = <T extends typeof createHash | typeof createHmac>(create: T): T =>
    ((...given: Parameters<typeof createHmac>) => {
      const made = (create as typeof createHmac)(...given);
      const update = made.update.bind(made);
      made.update = (data: string, ...more: []) => {
        hashed.push(String(data));
        return update(data, ...more);
      };
      return made;
    }) as T;
  crypto.createHash = noting(createHash);
  crypto.createHmac = noting(createHmac);
  syncBuiltinESMExports();
});

afterEach(async () => {
  Object.assign(crypto, { hash, createHash, createHmac });
  syncBuiltinESMExports();
  await mesh[Symbol.asyncDispose]();
});

const secretOf = (key: string): string => key.split('_')[2] ?? '';

interface Given {
  secret: string;
  options: SendOptions;
}

/** Sends each of these, and says what they were answered and which of their secrets were hashed. */
async function offer(
  given: readonly Given[],
  atOnce: number,
): Promise<{ statuses: number[]; hashed: string[] }> {
  const statuses: number[] = [];
  for (let i = 0; i < given.length; i += atOnce) {
    const some = given.slice(i, i + atOnce);
    const answers = some.map(({ options }) => mesh.send('GET', '/api/plugins', options));
    statuses.push(...(await Promise.all(answers)).map(({ status }) => status));
  }
  const texts = new Set(hashed);
  return { statuses, hashed: given.map(({ secret }) => secret).filter((secret) => texts.has(secret)) };
}

const strange = (): Given => {
  const key = strangeKey();
  return { secret: secretOf(key), options: { key } };
};
const cookie = (): Given => {
  const secret = createSecret();
  return { secret, options: { cookie: `bkg_session=${secret}` } };
};

describe('of what is wrong, by the twentieth nothing is hashed any more:', () => {
  it.each([
    ['keys one by one', strange, 1],
    ['keys at once', strange, 200],
    ['cookies one by one', cookie, 1],
    ['cookies at once', cookie, 200],
  ])('%s', async (_, make, atOnce) => {
    const answered = await offer(Array.from({ length: 200 }, make), atOnce);
    expect(answered.statuses.filter((status) => status === 401)).toHaveLength(19);
    expect(answered.statuses.filter((status) => status === 429)).toHaveLength(181);
    expect(answered.hashed).toHaveLength(19);
  });

  it.each([1, 200])('secrets of a key that is known, %i at a time', async (atOnce) => {
    const key = mesh.keeper.make(['read']);
    expect((await mesh.send('GET', '/api/plugins', { key })).status).toBe(200);
    expect(hashed).toContain(secretOf(key));
    const wrong = (): Given => {
      const other = withWrongSecret(key);
      return { secret: secretOf(other), options: { key: other } };
    };
    const answered = await offer(Array.from({ length: 200 }, wrong), atOnce);
    expect(answered.statuses.filter((status) => status === 429)).toHaveLength(181);
    expect(answered.hashed).toHaveLength(19);
  });

  it('keys in one write, which all come in the same turn of the event loop', async () => {
    const keys = Array.from({ length: 200 }, strangeKey);
    const request = (key: string): string =>
      `GET /api/plugins HTTP/1.1\r\nHost: 127.0.0.1:${mesh.port}\r\nAuthorization: Bearer ${key}\r\n\r\n`;
    const socket = connect(mesh.port, '127.0.0.1');
    let text = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
    socket.write(keys.map(request).join(''));
    const count = (status: number): number => text.split(`HTTP/1.1 ${status} `).length - 1;
    try {
      await eventually(() => count(401) + count(429) === 200);
    } finally {
      socket.destroy();
    }
    expect(count(401)).toBe(19);
    expect(keys.filter((key) => hashed.includes(secretOf(key)))).toHaveLength(19);
  });

  it('keys to sign in with', async () => {
    const keys = Array.from({ length: 40 }, strangeKey);
    const statuses: number[] = [];
    for (const key of keys) {
      const { status } = await mesh.send('POST', '/api/session', { body: { key } });
      statuses.push(status);
    }
    expect(statuses).toEqual([...Array<number>(19).fill(401), ...Array<number>(21).fill(429)]);
    expect(keys.filter((key) => hashed.includes(secretOf(key)))).toHaveLength(19);
  });
});
