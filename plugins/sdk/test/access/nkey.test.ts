import { describe, expect, it } from 'vitest';
import {
  createAccountSeed,
  decodeSeed,
  encodeSeed,
  isPublicNkey,
  isSignedBy,
  readNkey,
} from '../../src/access/index.ts';

/** From the documentation of nats-server: https://docs.nats.io (NKeys) and https://natsbyexample.com (auth callout). */
const published = {
  user: {
    seed: 'SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY',
    publicKey: 'UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4',
  },
  account: {
    seed: 'SAANDLKMXL6CUS3CP52WIXBEDN6YJ545GDKC65U5JZPPV6WH6ESWUA6YAI',
    publicKey: 'ABJHLOVMPA4CI6R5KLNGOB4GSLNIY7IOUPAJC4YFNDLQVIOBYQGUWVLA',
  },
} as const;

describe('an nkey', () => {
  it('has the public key that the documentation of nats-server gives for its seed', () => {
    for (const role of ['user', 'account'] as const) {
      const { seed, publicKey } = published[role];
      expect(readNkey(seed, role).publicKey).toBe(publicKey);
      expect(encodeSeed(decodeSeed(seed, role), role)).toBe(seed);
      expect(isPublicNkey(publicKey, role)).toBe(true);
      expect(isPublicNkey(publicKey, 'server')).toBe(false);
    }
  });

  it('signs what its public key, and no other, is the author of', () => {
    const { seed, publicKey } = published.account;
    const other = readNkey(createAccountSeed());
    const signature = readNkey(seed).sign('hello');
    expect(isSignedBy(publicKey, 'account', 'hello', signature)).toBe(true);
    expect(isSignedBy(publicKey, 'account', 'hello!', signature)).toBe(false);
    expect(isSignedBy(other.publicKey, 'account', 'hello', signature)).toBe(false);
    expect(isSignedBy(publicKey, 'user', 'hello', signature)).toBe(false);
    expect(isSignedBy('', 'account', 'hello', signature)).toBe(false);
  });

  it('is another one each time it is made', () => {
    const seeds = Array.from({ length: 50 }, createAccountSeed);
    expect(new Set(seeds).size).toBe(50);
    for (const seed of seeds) {
      expect(seed).toMatch(/^SA[A-Z2-7]{56}$/);
      expect(readNkey(seed).publicKey).toMatch(/^A[A-Z2-7]{55}$/);
    }
  });

  it('with one letter changed, missing or added is none, and what was given is not repeated', () => {
    const { seed, publicKey } = published.account;
    const broken = (text: string): string[] => [
      ...[...text].map((letter, i) => text.slice(0, i) + (letter === 'A' ? 'B' : 'A') + text.slice(i + 1)),
      text.slice(1),
      text.slice(0, -1),
      `${text}A`,
      text.toLowerCase(),
      '',
    ];
    for (const text of broken(publicKey))
      expect([text, isPublicNkey(text, 'account')]).toEqual([text, false]);
    for (const text of broken(seed)) {
      expect(() => readNkey(text), text).toThrow('This is no seed of an account, as nkeys write it: SA…');
      if (text) expect(() => readNkey(text)).not.toThrow(text);
    }
    expect(() => readNkey(published.user.seed)).toThrow('no seed of an account');
    expect(() => readNkey(seed, 'user')).toThrow('no seed of a user');
  });
});
