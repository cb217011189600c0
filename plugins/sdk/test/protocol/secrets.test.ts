import { describe, expect, it } from 'vitest';
import { configDefaults } from '../../src/protocol/plugin.ts';
import { changedSecrets, isSecretEnv, secretMask, shownConfig } from '../../src/protocol/secrets.ts';
import { section } from './document.ts';

const config = { id: 'echo', ...configDefaults };

describe('a variable is secret', () => {
  it.each([
    'API_TOKEN',
    'HF_TOKEN',
    'secret',
    'DbPassword',
    'PASSWD',
    'AWS_ACCESS_KEY_ID',
    'GOOGLE_CREDENTIALS',
    'BASIC_AUTH',
    'PRIVATE_PEM',
  ])('when it is called %s', (name) => expect(isSecretEnv(name)).toBe(true));

  it.each(['MODE', 'LANG', 'PASS_THROUGH', 'LOG_LEVEL', 'URL'])('but not when it is called %s', (name) => {
    expect(isSecretEnv(name)).toBe(false);
  });

  it('by the words of PROTOCOL.md', () => {
    const [told = ''] = section('Secrets').split(', in whatever case');
    const words = [...told.matchAll(/`([A-Z]+)`/g)].map(([, word]) => word!);
    expect(words).toHaveLength(8);
    for (const word of words) expect(isSecretEnv(`A_${word.toLowerCase()}_B`)).toBe(true);
    expect(section('Secrets')).toContain(`\`${secretMask}\` stands for it`);
  });
});

describe('a configuration that is shown', () => {
  it('has stars in the place of what is secret, and is the same when nothing is', () => {
    const env = JSON.parse('{"API_KEY": "x", "MODE": "y", "__proto__": "z"}') as Record<string, string>;
    const shown = shownConfig({ ...config, env });
    expect(Object.entries(shown.env)).toEqual([
      ['API_KEY', '********'],
      ['MODE', 'y'],
      ['__proto__', 'z'],
    ]);
    expect(env['API_KEY']).toBe('x');
    expect(shownConfig(config)).toBe(config);
  });

  it('may have been written by anybody', () => {
    const none = { ...config, env: null as unknown as Record<string, string> };
    expect(shownConfig(none)).toBe(none);
  });
});

it('secrets of two revisions differ when their numbers do', () => {
  expect(changedSecrets({ secrets: { A: 1, B: 1, GONE: 1 } }, { secrets: { A: 1, B: 2, NEW: 2 } })).toEqual([
    'B',
  ]);
  expect(changedSecrets({}, { secrets: { A: 1 } })).toEqual([]);
});
