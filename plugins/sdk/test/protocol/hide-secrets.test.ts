import { describe, expect, it } from 'vitest';
import { createAccountSeed, createInstanceToken, createKey, createSecret } from '../../src/access/index.ts';
import { BkgError, problemOf } from '../../src/protocol/errors.ts';
import { hideSecrets } from '../../src/protocol/secrets.ts';

const { text, prefix, secret } = createKey();
const seed = createAccountSeed();
const token = createInstanceToken(seed, { plugin: 'echo', instance: 'i1', needs: [] });
const session = createSecret();

describe('a secret of bkg in a text', () => {
  it.each([
    ['a key', text, `bkg_${prefix}_********`],
    ['a part of one', text.slice(0, 30), `bkg_${prefix}_********`],
    ['the secret of one', secret, '********'],
    ['a session or a ticket', session, '********'],
    ['a token of an instance', token, '********'],
    ['a seed', seed, '********'],
    ['most of a seed', seed.slice(0, 45), '********'],
  ])('has stars in its place: %s', (_, given, shown) => {
    for (const [before, after] of [
      ['', ''],
      ['/api/%2F', '?x'],
      ['"', '"'],
      ['key=', '&a=b'],
    ])
      expect(hideSecrets(`${before}${given}${after}`)).toBe(`${before}${shown}${after}`);
    expect(hideSecrets(`${given} ${given}`)).toBe(`${shown} ${shown}`);
  });

  it('is not repeated by an error, also where its text is cut', () => {
    const errors = [{ path: `/${text}`, message: `${'x'.repeat(480)} ${secret} is none` }];
    const error = new BkgError('INVALID_PAYLOAD', `no ${text}`, { errors });
    expect(error.message).toBe(`no bkg_${prefix}_********`);
    for (const given of [error.problem, problemOf('X', { number: 400, retryable: false }, secret, errors)])
      expect(JSON.stringify(given)).not.toContain(secret.slice(0, 20));
  });

  it('is nothing else: prefixes, ids, hashes, names and words stay', () => {
    const others = [
      prefix,
      'x'.repeat(500),
      `bkg_${prefix}`,
      '5b0c1f7a9be34c1d8a2e64f0c3d7b915',
      'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
      'plugin.candle.invoke.model.infer',
      'file:///work/bkg/plugins/sdk/dist/dispatcher.js:262:11',
      'a-very-long-name-of-a-plugin-with-dashes-in-it-as-they-often-have',
      'NB5CQJOGPHV64NZHW3LOZPAOEMODLQYIXLPHVBN2CFA3G3N2HRKP7JWQ',
    ];
    for (const one of others) expect(hideSecrets(one)).toBe(one);
  });
});
