import { configDefaults, type PluginConfig } from '@bkg/sdk/protocol';
import { describe, expect, it } from 'vitest';
import {
  diffConfigs,
  diffRevisions,
  isSecretPath,
  overlapsOf,
  valueText,
} from '../src/lib/config/config-diff.ts';
import { applyMergePatch, mergePatchOf, unpatchableNull } from '../src/lib/config/merge-patch.ts';

const config = (part: Partial<PluginConfig> = {}): PluginConfig => ({
  id: 'tally',
  ...configDefaults,
  ...part,
});

describe('the differences of two configurations', () => {
  it('are told leaf by leaf, and never of the revision itself', () => {
    const before = config({ revision: 1, settings: { a: { b: 1, c: [1, 2] } }, env: { OLD: 'x' } });
    const after = config({ revision: 2, settings: { a: { b: 2, c: [1, 3] } }, env: { NEW: 'y' } });
    expect(diffConfigs(before, after)).toEqual([
      { path: '/env/OLD', before: 'x', after: undefined },
      { path: '/env/NEW', before: undefined, after: 'y' },
      { path: '/settings/a/b', before: 1, after: 2 },
      { path: '/settings/a/c', before: [1, 2], after: [1, 3] },
    ]);
    expect(diffConfigs(before, before)).toEqual([]);
  });

  it('tell an object that comes by its members, and an empty one by itself', () => {
    const after = config({ settings: { full: { x: 1 }, empty: {} } });
    expect(diffConfigs(config(), after)).toEqual([
      { path: '/settings/full/x', before: undefined, after: 1 },
      { path: '/settings/empty', before: undefined, after: {} },
    ]);
  });

  it('tell a value that becomes an object as a whole, and names as pointers have them', () => {
    const [before, after] = [config({ settings: { 'a/b': 1 } }), config({ settings: { 'a/b': { c: 1 } } })];
    expect(diffConfigs(before, after)).toEqual([{ path: '/settings/a~1b', before: 1, after: { c: 1 } }]);
  });

  it('tell that a value which nobody is shown is another one, as far as revisions say so', () => {
    const env = { API_TOKEN: '********', DB_PASSWORD: '********' };
    const before = { config: config({ env }), secrets: { API_TOKEN: 1, DB_PASSWORD: 1 } };
    const after = { config: config({ env }), secrets: { API_TOKEN: 1, DB_PASSWORD: 4 } };
    expect(diffRevisions(before, after)).toEqual([
      { path: '/env/DB_PASSWORD', before: '********', after: '********' },
    ]);
    expect(diffRevisions({ config: config({ env }) }, after)).toEqual([]);
    expect([
      isSecretPath('/env/API_TOKEN'),
      isSecretPath('/env/MODE'),
      isSecretPath('/settings/key'),
    ]).toEqual([true, false, false]);
  });

  it('take a member called __proto__ for a member', () => {
    const settings = JSON.parse('{"__proto__": 1}') as Record<string, unknown>;
    expect(diffConfigs(config(), config({ settings }))).toEqual([
      { path: '/settings/__proto__', before: undefined, after: 1 },
    ]);
  });

  it('tell of values that nobody is shown that they are others, and not which', () => {
    const shown = config({ env: { API_TOKEN: '********', PASSWORD: '********' } });
    const before = { config: shown, version: '1.0.0', secrets: { API_TOKEN: 2, PASSWORD: 3 } };
    expect(diffRevisions(before, { ...before, secrets: { API_TOKEN: 5, PASSWORD: 3 } })).toEqual([
      { path: '/env/API_TOKEN', before: '********', after: '********' },
    ]);
    expect(diffRevisions(before, { config: shown, version: '1.0.0' })).toEqual([]);
  });

  it('name the version first, which a rollback brings back too', () => {
    const differences = diffRevisions(
      { version: '1.1.0', config: config({ replicas: 2 }) },
      { version: '1.0.0', config: config() },
    );
    expect(differences).toEqual([
      { path: '/version', before: '1.1.0', after: '1.0.0' },
      { path: '/replicas', before: 2, after: 1 },
    ]);
  });

  it('overlap at, within and around a place', () => {
    const at = (path: string) => ({ path, before: 1, after: 2 });
    expect(overlapsOf([at('/a/b'), at('/c'), at('/d')], [at('/a'), at('/c/x'), at('/dd')])).toEqual([
      '/a/b',
      '/c',
    ]);
  });

  it('show a value as JSON, and no endless one', () => {
    expect(valueText('1')).toBe('"1"');
    expect(valueText({ a: [1] })).toBe('{\n  "a": [\n    1\n  ]\n}');
    expect(valueText('x'.repeat(5_000))).toHaveLength(2_001);
  });
});

describe('a merge patch', () => {
  it.each([
    [
      { a: 1, b: { c: 2, d: 3 } },
      { a: 1, b: { c: 2 }, e: [1] },
    ],
    [{ a: { b: 1 } }, { a: 2 }],
    [{ a: 1 }, { a: { b: 1 } }],
    [{ a: {} }, {}],
    [{ a: [1, null] }, { a: [null] }],
  ])('makes %j into %j', (before, after) => {
    expect(applyMergePatch(before, mergePatchOf(before, after))).toEqual(after);
  });

  it('is none when nothing differs', () => {
    expect(mergePatchOf({ a: [1, { b: 2 }] }, { a: [1, { b: 2 }] })).toBeUndefined();
  });

  it('cannot set a member to null, but leave one in peace, and keep those in lists', () => {
    expect(unpatchableNull({}, { a: { b: null } })).toBe('/a/b');
    expect(unpatchableNull({ a: null }, { a: null, b: 1 })).toBeUndefined();
    expect(unpatchableNull({}, { a: [null] })).toBeUndefined();
  });
});
