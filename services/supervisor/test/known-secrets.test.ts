import { describe, expect, it } from 'vitest';
import { KnownSecrets, noSecrets } from '../src/logs/known-secrets.ts';
import { recordOf } from '../src/logs/log-line.ts';

const token = 'bkgi_eyJ0b2tlbiI6MX0.c2lnbmVk';
const quoted = 'pass"word\\with signs';
const pem = '-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQ==\n-----END KEY-----\n';
const secrets = new KnownSecrets(
  { user: 'echo.i1', password: token, callout: { issuer_seed: 'SAABCDEFGHIJ' } },
  {
    env: {
      API_TOKEN: 'tok-12345678',
      LONGER_TOKEN: 'tok-12345678-and-more',
      DB_PASSWORD: quoted,
      TLS_KEY: pem,
      AUTH_MODE: 'strict',
      MODE: 'everybody-may-see',
    },
  },
);
const read = (line: string, more = {}) =>
  recordOf(Buffer.from(line), {
    pluginId: 'echo',
    instance: 'i1',
    stream: 'stdout',
    readAt: 0,
    secrets,
    ...more,
  });

describe('what an instance was given and nobody is shown', () => {
  it('has stars in its place when it is printed, and the rest of the line stays', () => {
    expect(read(`env ${token}, tok-12345678; tok-12345678-and-more SAABCDEFGHIJ`)?.message).toBe(
      'env ********, ********; ******** ********',
    );
    expect(read(`a ${quoted} b`, { stream: 'stderr' })?.message).toBe('a ******** b');
    for (const line of pem.split('\n').filter(Boolean)) expect(read(`  ${line}`)?.message).toBe('  ********');
    expect(read('strict, and everybody-may-see')?.message).toBe('strict, and everybody-may-see');
  });

  it('has them wherever it is in a record, in names as well', () => {
    const said = {
      message: `no ${quoted}`,
      error: { stack: `at ${token}`, list: [1, null, `x${quoted}`], [quoted]: true },
    };
    expect(read(JSON.stringify(said))).toMatchObject({
      message: 'no ********',
      error: { stack: 'at ********', list: [1, null, 'x********'], '********': true },
    });
    const harmless = { message: 'm', error: { list: [1] } };
    expect(read(JSON.stringify(harmless))).toMatchObject(harmless);
  });

  it('is found across the place where a line is cut', () => {
    const shown = read(`${'x'.repeat(16 * 1024 - 5)}${token}${'y'.repeat(100)}`)?.message ?? '';
    expect(shown).toContain('xxx*****');
    expect(shown).not.toContain('bkgi');
  });

  it('has them in a record that is nested so deep that nobody could go through it, which is text', () => {
    const deep = `${'['.repeat(60_000)}${']'.repeat(60_000)}`;
    const shown = read(`{"message":"x","s":"${token}","a":${deep}}`);
    expect(shown).toMatchObject({ source: 'stdout' });
    expect(shown?.message).toMatch(
      /^\{"message":"x","s":"\*{8}","a":\[+ … \[cut: the line had 120\d+ bytes\]$/,
    );
  });

  it('is nothing for who was given nothing, or has changed its files', () => {
    expect(noSecrets.hide(token)).toBe(token);
    for (const credentials of [null, 7, [], { password: 7, callout: null }])
      expect(new KnownSecrets(credentials, undefined).hide(token)).toBe(token);
  });
});
