import { describe, expect, it } from 'vitest';
import {
  createAccountSeed,
  createInstanceToken,
  createKey,
  encodeSeed,
  isPublicNkey,
  isSignedBy,
  parseKey,
  readAuthorizationRequest,
  readInstanceToken,
  readNkey,
} from '../../src/access/index.ts';
import { decodeBase32, encodeBase32 } from '../../src/access/base32.ts';
import { createRandom, mutate } from '../../src/testing/random.ts';
import type { Random } from '../../src/testing/random.ts';

/** The text with a few characters replaced, put in, doubled or taken away. */
function damaged({ below, pick }: Random, given: string): string {
  let text = given;
  for (let n = 1 + below(3); n > 0; n -= 1) {
    const at = below(text.length + 1);
    const put = pick(['', 'a', 'A', '.', '_', '=', '-', '\0', 'ä', '\n', ' ', text.slice(at, at + 3)]);
    text = text.slice(0, at) + put + text.slice(at + below(2));
  }
  return text;
}

const bytesBy = ({ below }: Random, length: number): Buffer =>
  Buffer.from(Array.from({ length }, () => below(256)));
const issuerSeed = createAccountSeed();
const issuer = readNkey(issuerSeed);
const [server, user] = (['server', 'user'] as const).map((role) =>
  readNkey(encodeSeed(bytesBy(createRandom(1), 32), role), role),
) as [ReturnType<typeof readNkey>, ReturnType<typeof readNkey>];

describe('what proves who somebody is', () => {
  it('base32 has one text for some bytes, and no other text stands for them', () => {
    for (let seed = 1; seed <= 2_000; seed += 1) {
      const random = createRandom(seed);
      const bytes = bytesBy(random, random.below(40));
      const text = encodeBase32(bytes);
      expect(decodeBase32(text)).toEqual(bytes);
      const other = damaged(random, text);
      const decoded = decodeBase32(other);
      if (decoded) expect(encodeBase32(decoded)).toBe(other);
    }
  });

  it('a key that was damaged is none, or says what it says', () => {
    for (let seed = 1; seed <= 3_000; seed += 1) {
      const { text, prefix, secret } = createKey();
      expect(parseKey(text)).toEqual({ prefix, secret });
      const other = damaged(createRandom(seed), text);
      const parts = parseKey(other);
      if (parts) expect(`bkg_${parts.prefix}_${parts.secret}`).toBe(other);
    }
  });

  it('a public key that was damaged is none, and signs nothing; no bytes make the check of a signature throw', () => {
    const signature = server.sign('text');
    for (let seed = 1; seed <= 400; seed += 1) {
      const random = createRandom(seed);
      const other = damaged(random, server.publicKey);
      const isSame = other === server.publicKey;
      expect(isPublicNkey(other, 'server')).toBe(isSame);
      expect(isSignedBy(other, 'server', 'text', signature)).toBe(isSame);
      expect(isSignedBy(server.publicKey, 'server', 'text', bytesBy(random, random.below(70)))).toBe(false);
      // Well written, and perhaps no point of the curve.
      const anyKey = readNkey(encodeSeed(bytesBy(random, 32), 'server'), 'server').publicKey;
      expect(isSignedBy(anyKey, 'server', 'text', signature)).toBe(false);
    }
  });

  it("a server's question that was damaged is refused with the one sentence, which repeats nothing of it", () => {
    const base64 = (value: unknown): string => Buffer.from(JSON.stringify(value) ?? '').toString('base64url');
    const head = { typ: 'JWT', alg: 'ed25519-nkey' };
    const claims = {
      aud: 'nats-authorization-request',
      iss: server.publicKey,
      sub: issuer.publicKey,
      exp: 10,
      nats: {
        server_id: { id: server.publicKey },
        user_nkey: user.publicKey,
        client_info: { host: '10.0.0.7' },
        connect_opts: { user: 'me', pass: 'sesame-open' },
      },
    };
    const signed = (given: unknown): string => {
      const text = `${base64(head)}.${base64(given)}`;
      return `${text}.${server.sign(text).toString('base64url')}`;
    };
    const read = (text: string): unknown => {
      try {
        return readAuthorizationRequest(text, issuer.publicKey, 5_000);
      } catch (error) {
        expect((error as Error).message).toMatch(/^This is no authorization request of a nats-server: /);
        expect((error as Error).message).not.toContain('sesame');
        return undefined;
      }
    };
    const whole = read(signed(claims));
    expect(whole).toMatchObject({ user: 'me', password: 'sesame-open' });
    for (let seed = 1; seed <= 1_500; seed += 1) {
      const random = createRandom(seed);
      const text = damaged(random, signed(claims));
      // Base64 may end in bits that mean nothing.
      const taken = read(text);
      if (taken !== undefined) expect(taken).toEqual(whole);
      // Signed by a server, whatever it says: then each member is what it must be.
      const said = read(signed(mutate(random, claims))) as Record<string, unknown> | undefined;
      if (said) expect(Object.values(said).every((one) => typeof one === 'string')).toBe(true);
    }
  });

  it('a token of an instance that was damaged is none', () => {
    const identity = { plugin: 'echo', instance: 'i1', needs: [{ plugin: 'candle', capability: 'model.*' }] };
    const token = createInstanceToken(issuerSeed, identity);
    expect(readInstanceToken(issuerSeed, token)).toEqual(identity);
    expect(readInstanceToken(createAccountSeed(), token)).toBeUndefined();
    for (let seed = 1; seed <= 1_500; seed += 1) {
      const read = readInstanceToken(issuerSeed, damaged(createRandom(seed), token));
      if (read) expect(read).toEqual(identity);
    }
  });
});
