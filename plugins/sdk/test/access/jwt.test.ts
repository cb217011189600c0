import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  createAccountSeed,
  encodeAnswer,
  encodeSeed,
  encodeUser,
  isSignedBy,
  readAuthorizationRequest,
  readNkey,
} from '../../src/access/index.ts';
import type { Nkey } from '../../src/access/index.ts';

const issuer = readNkey(createAccountSeed());
const server = readNkey(encodeSeed(randomBytes(32), 'server'), 'server');
const user = readNkey(encodeSeed(randomBytes(32), 'user'), 'user');
const nowSecs = Math.floor(Date.now() / 1_000);

const good = {
  aud: 'nats-authorization-request',
  iss: server.publicKey,
  sub: issuer.publicKey,
  iat: nowSecs,
  exp: nowSecs + 5,
  nats: {
    server_id: { name: 'bkg', id: server.publicKey },
    user_nkey: user.publicKey,
    client_info: { host: '10.0.0.7', id: 7 },
    connect_opts: { user: 'me', pass: 'sesame' },
    type: 'authorization_request',
    version: 2,
  },
};

const base64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

function signed(
  claims: unknown,
  by: Nkey = server,
  header: unknown = { typ: 'JWT', alg: 'ed25519-nkey' },
): string {
  const text = `${base64(header)}.${base64(claims)}`;
  return `${text}.${by.sign(text).toString('base64url')}`;
}

const read = (text: string) => readAuthorizationRequest(text, issuer.publicKey);

describe('the question of a nats-server', () => {
  it('says who wants to connect, from where, and what it shows', () => {
    const told = {
      serverId: server.publicKey,
      userNkey: user.publicKey,
      host: '10.0.0.7',
      user: 'me',
      password: 'sesame',
      token: '',
    };
    expect(read(signed(good))).toEqual(told);
    const withToken = {
      ...good,
      nats: { ...good.nats, connect_opts: { auth_token: 'open' }, client_info: {} },
    };
    expect(read(signed(withToken))).toEqual({ ...told, host: '', user: '', password: '', token: 'open' });
  });

  it('is refused when it is not signed by the server that it names, for us, and just now, and nothing is repeated', () => {
    const other = readNkey(encodeSeed(randomBytes(32), 'server'), 'server');
    const { nats } = good;
    const whole = signed(good);
    const tampered = whole.split('.').with(1, base64({ ...good, nats: { ...nats, connect_opts: {} } }));
    const cases: [string, string][] = [
      ['', 'it is no JWT'],
      ['sesame', 'it is no JWT'],
      [`${whole}.sesame`, 'it is no JWT'],
      [signed(good, server, { typ: 'JWT', alg: 'none' }), 'not signed by ed25519-nkey'],
      [tampered.join('.'), 'not signed by the server'],
      [signed(good, other), 'not signed by the server'],
      [signed({ ...good, iss: issuer.publicKey }, issuer), 'not signed by the server'],
      [signed({ ...good, aud: 'nats-authorization-response' }), 'it is not for'],
      [signed({ ...good, sub: readNkey(createAccountSeed()).publicKey }), 'another issuer is asked'],
      [signed({ ...good, exp: nowSecs - 60 }), 'it is too old'],
      [signed({ ...good, exp: undefined }), 'it is too old'],
      [
        signed({ ...good, nats: { ...nats, server_id: { id: other.publicKey } } }),
        'not the one that has signed it',
      ],
      [signed({ ...good, nats: { ...nats, user_nkey: server.publicKey } }), 'names no user key'],
      [signed({ ...good, nats: 'sesame' }), 'not the one that has signed it'],
    ];
    for (const [text, why] of cases) {
      expect(() => read(text), why).toThrow(why);
      expect(() => read(text), why).not.toThrow('sesame');
    }
  });
});

describe('the answer', () => {
  const claimsOf = (jwt: string): Record<string, unknown> => {
    const [head = '', body = '', signature = ''] = jwt.split('.');
    const bytes = Buffer.from(signature, 'base64url');
    expect(isSignedBy(issuer.publicKey, 'account', `${head}.${body}`, bytes)).toBe(true);
    return JSON.parse(Buffer.from(body, 'base64url').toString()) as Record<string, unknown>;
  };
  const request = { serverId: server.publicKey, userNkey: user.publicKey };

  it('names the user, what it may do, and no end', () => {
    const permissions = {
      publish: { allow: ['a'], deny: ['b'] },
      subscribe: { allow: ['c q'], deny: [] },
    };
    const jwt = encodeUser({ issuer, userNkey: user.publicKey, account: '$G', name: 'echo.1', permissions });
    const claims = claimsOf(jwt);
    expect(claims).toMatchObject({ iss: issuer.publicKey, sub: user.publicKey, aud: '$G', name: 'echo.1' });
    expect(claims).not.toHaveProperty('exp');
    expect(claims['nats']).toEqual({
      type: 'user',
      version: 2,
      pub: permissions.publish,
      sub: permissions.subscribe,
      subs: -1,
      data: -1,
      payload: -1,
    });
    expect(claimsOf(encodeAnswer(issuer, request, { jwt }))).toMatchObject({
      sub: user.publicKey,
      aud: server.publicKey,
      nats: { type: 'authorization_response', version: 2, jwt },
    });
  });

  it('says why there is none', () => {
    const { nats } = claimsOf(encodeAnswer(issuer, request, { error: 'no' }));
    expect(nats).toEqual({ type: 'authorization_response', version: 2, error: 'no' });
  });
});
