import { expect, it } from 'vitest';
import { configDefaults } from '@bkg/sdk/protocol';
import type { ConfigRevision, PluginConfig } from '@bkg/sdk/protocol';
import { configChanges } from '../src/config-changes.ts';

function revision(n: number, changes: Partial<PluginConfig> = {}, version = '1.0.0'): ConfigRevision {
  const config = { id: 'candle', ...configDefaults, revision: n, ...changes };
  return { revision: n, version, by: 'ada', at: '', why: '', config };
}

it('names each member that differs as --set does, and the version, but not what always differs', () => {
  const before = revision(1, { env: { LANG: 'de' }, settings: { list: [1, 2], deep: { a: null } } });
  const after = revision(
    2,
    { replicas: 3, settings: { list: [1], deep: { a: 0 } }, env: { constructor: 'x' } },
    '1.1.0',
  );
  expect(configChanges(before, after)).toEqual([
    { path: 'version', before: '"1.0.0"', after: '"1.1.0"' },
    { path: 'replicas', before: '1', after: '3' },
    { path: 'env.LANG', before: '"de"' },
    { path: 'env.constructor', after: '"x"' },
    { path: 'settings.list', before: '[1,2]', after: '[1]' },
    { path: 'settings.deep.a', before: 'null', after: '0' },
  ]);
});

it('names a value that is not shown and differs, but not one that is the same', () => {
  const env = { API_TOKEN: '********', DB_PASSWORD: '********' };
  const before = { ...revision(1, { env }), secrets: { API_TOKEN: 1, DB_PASSWORD: 1 } };
  const after = { ...revision(2, { env }), secrets: { API_TOKEN: 2, DB_PASSWORD: 1 } };
  expect(configChanges(before, after)).toEqual([{ path: 'env.API_TOKEN', isSecret: true }]);
  expect(configChanges(before, revision(3))).toEqual([
    { path: 'env.API_TOKEN', before: '"********"' },
    { path: 'env.DB_PASSWORD', before: '"********"' },
  ]);
});

it('is empty for two that are the same', () => {
  expect(configChanges(revision(1), revision(5))).toEqual([]);
});
