import { describe, expect, it } from 'vitest';
import { createKey, createSecret, hashSecret, parseKey } from '../src/access/key.ts';

describe('an API key', () => {
  it('is taken apart into what it was made of', () => {
    for (let n = 0; n < 200; n += 1) {
      const { prefix, secret, text } = createKey();
      expect(text).toBe(`bkg_${prefix}_${secret}`);
      expect(parseKey(text)).toEqual({ prefix, secret });
    }
  });

  it('is another each time, in every place of its secret', () => {
    const secrets = Array.from({ length: 2_000 }, () => createKey().secret);
    expect(new Set(secrets).size).toBe(secrets.length);
    // The last letter holds the one bit that is left of 256.
    for (let place = 0; place < 51; place += 1) {
      expect(new Set(secrets.map((secret) => secret[place])).size).toBe(32);
    }
    expect(new Set(secrets.map((secret) => secret[51])).size).toBe(2);
  });

  it.each([
    '',
    'bkg_',
    'bkg_Kabcdefghi_',
    `bkg_kabcdefghi_${'a'.repeat(52)}`,
    `bkg_Kabcdefghi_${'a'.repeat(51)}`,
    `bkg_Kabcdefghi_${'a'.repeat(53)}`,
    `bkg_Kabcdefghi_${'A'.repeat(52)}`,
    `bkg_Kabcdefghi_${'a'.repeat(51)}1`,
    ` bkg_Kabcdefghi_${'a'.repeat(52)}`,
    `bkg_Kabcdefghi_${'a'.repeat(52)}\n`,
  ])('is not %j', (text) => {
    expect(parseKey(text)).toBeUndefined();
  });

  it('is kept as SHA-256 in hexadecimal digits', () => {
    expect(hashSecret('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    expect(createSecret()).toMatch(/^[a-z2-7]{52}$/);
  });
});
