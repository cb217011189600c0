import { describe, expect, it } from 'vitest';
import { BkgError, configDefaults } from '@bkg/sdk';
import type { Problem, PluginConfig } from '@bkg/sdk';
import { changedConfig, readConfigChange } from '../src/config/config-change.ts';

const defaults: PluginConfig = { id: 'echo', ...configDefaults, replicas: 2, env: { A: 'manifest' } };
const current: PluginConfig = {
  ...defaults,
  replicas: 3,
  env: { A: 'a', B: 'b' },
  settings: { model: { name: 'small', layers: [1, 2] }, depth: 3 },
  limits: { max_concurrency: 7, max_queue: 9 },
  revision: 4,
};

const change = (patch: object, settingsSchema?: object) =>
  changedConfig(
    current,
    readConfigChange('echo', { revision: 4, ...patch }),
    defaults,
    settingsSchema as Record<string, unknown> | undefined,
  );

function problem(work: () => unknown): Problem {
  try {
    work();
  } catch (error) {
    if (error instanceof BkgError) return error.problem;
    throw error;
  }
  throw new Error('it did not fail');
}
const places = (work: () => unknown): unknown[] => problem(work).errors?.map(({ path }) => path) ?? [];

describe('a change of a configuration', () => {
  it('is merged into what is there, member by member', () => {
    expect(change({ replicas: 1, env: { B: 'c', C: 'd' }, limits: { max_queue: 0 } })).toEqual({
      ...current,
      replicas: 1,
      env: { A: 'a', B: 'c', C: 'd' },
      limits: { max_concurrency: 7, max_queue: 0 },
    });
    expect(change({ settings: { model: { name: 'large' } } }).settings).toEqual({
      model: { name: 'large', layers: [1, 2] },
      depth: 3,
    });
    expect(change({ settings: { model: { layers: [] } } }).settings).toEqual({
      model: { name: 'small', layers: [] },
      depth: 3,
    });
  });

  it('that takes something away leaves the plugin’s own default', () => {
    expect(change({ replicas: null, env: null, limits: { max_queue: null }, resources: null })).toEqual({
      ...current,
      replicas: 2,
      env: { A: 'manifest' },
      limits: { max_concurrency: 7, max_queue: 1_024 },
    });
    expect(change({ env: { A: null, none: null } }).env).toEqual({ B: 'b' });
    expect(
      changedConfig({ ...current, sandbox: 'on' }, { revision: 4, sandbox: null }, defaults).sandbox,
    ).toBe('off');
    expect(change({ sandbox: null }).sandbox).toBe('off');
    expect(change({ settings: { model: { name: null } } }).settings).toEqual({
      model: { layers: [1, 2] },
      depth: 3,
    });
  });

  it('that gives back what is shown in the place of a secret leaves it as it is', () => {
    const kept = { ...current, env: { API_TOKEN: 'real', MODE: 'a' } };
    const next = (env: object | null) =>
      changedConfig(kept, readConfigChange('echo', { revision: 4, env }), defaults).env;
    expect(next({ API_TOKEN: '********', MODE: 'b' })).toEqual({ API_TOKEN: 'real', MODE: 'b' });
    expect(next({ API_TOKEN: 'other' })).toEqual({ API_TOKEN: 'other', MODE: 'a' });
    expect(next({ API_TOKEN: null })).toEqual({ MODE: 'a' });
    expect(next(null)).toEqual({ A: 'manifest' });
    // Of any other variable it is a value like all.
    expect(next({ MODE: '********' })).toEqual({ API_TOKEN: 'real', MODE: '********' });
    const wrong = problem(() => next({ NEW_PASSWORD: '********', other_key: '********' }));
    expect(wrong.errors?.map(({ path }) => path)).toEqual(['/env/NEW_PASSWORD', '/env/other_key']);
    expect(wrong.detail).toContain('stands for a value that is kept');
  });

  it('may be a whole configuration', () => {
    expect(change(current)).toEqual(current);
    expect(places(() => change({ id: 'other' }))).toEqual(['/id']);
  });

  it.each([
    [{ replicas: -1 }, ['/replicas']],
    [{ replicas: '2', enabled: 0 }, ['/enabled', '/replicas']],
    [{ env: { A: 7 } }, ['/env/A']],
    [{ env: { A: 'x\0y' } }, ['/env/A']],
    [{ env: { PATH: '/x', BKG_HOME: null } }, ['/env/PATH', '/env/BKG_HOME']],
    [
      { limits: { max_queue: 1.5 }, resources: { timeout_secs: 0 } },
      ['/resources/timeout_secs', '/limits/max_queue'],
    ],
    [{ limits: 5 }, ['/limits']],
    [{ settings: [] }, ['/settings']],
    [{ nonsense: null }, ['']],
    [{ limits: { nonsense: 1 } }, ['/limits']],
    [{ revision: '4' }, ['/revision']],
    [{ revision: undefined }, ['']],
    [{ why: 'x'.repeat(501) }, ['/why']],
  ])('that does not fit is refused with the places: %j', (patch, expected) => {
    const { code } = problem(() => change(patch));
    expect(code).toBe('INVALID_PAYLOAD');
    expect(places(() => change(patch)).toSorted()).toEqual(expected.toSorted());
  });

  it.each([undefined, null, 7, 'text', [], [{}]])('is an object, not %j', (body) => {
    expect(problem(() => readConfigChange('echo', body)).code).toBe('INVALID_PAYLOAD');
  });

  it('has the settings that the plugin takes', () => {
    const schema = { type: 'object', properties: { depth: { type: 'integer', maximum: 5 } } };
    expect(change({ settings: { depth: 5 } }, schema).settings).toMatchObject({ depth: 5 });
    expect(places(() => change({ settings: { depth: 6 } }, schema))).toEqual(['/settings/depth']);
    expect(places(() => change({ settings: { depth: null } }, { ...schema, required: ['depth'] }))).toEqual([
      '/settings',
    ]);
    // Who does not touch them is not stopped by them.
    expect(change({ replicas: 1 }, { ...schema, required: ['none'] }).replicas).toBe(1);
    const wrong = problem(() => change({ settings: { depth: 1 } }, { type: 'nonsense' }));
    expect(wrong).toMatchObject({ code: 'CONFLICT', detail: expect.stringContaining('settings schema') });
  });

  // Each definition asks twice for the next.
  const doubling = Array.from({ length: 32 }, (_, i) => {
    const next = { $ref: `#/$defs/d${i + 1}` };
    return [`d${i}`, { allOf: [next, next] }];
  });
  it.each([
    ['backtracks', { properties: { depth: { pattern: '^(a+)+$' } } }],
    ['doubles', { $defs: { ...Object.fromEntries(doubling), d32: { type: 'object' } }, $ref: '#/$defs/d0' }],
  ])('is not checked for long, when the plugin’s own schema %s', (_, schema) => {
    const wrong = problem(() => change({ settings: { depth: `${'a'.repeat(27)}!` } }, schema));
    expect(wrong).toMatchObject({
      code: 'CONFLICT',
      detail: expect.stringContaining('its own settings schema takes too long to check'),
    });
  });

  it('is refused as well when it takes long to understand the plugin’s schema', () => {
    const properties = Object.fromEntries(
      Array.from({ length: 80_000 }, (_, i) => [`p${i}`, { type: 'object', required: ['a', 'b'] }]),
    );
    const wrong = problem(() => change({ settings: { depth: 1 } }, { properties }));
    expect(wrong).toMatchObject({ code: 'CONFLICT', detail: expect.stringContaining('takes too long') });
  });

  it('cannot do harm by its names, its depth or its size', () => {
    const patch = JSON.parse(
      '{"settings": {"__proto__": {"polluted": true}, "constructor": {"a": 1}}}',
    ) as object;
    const { settings } = change(patch);
    expect(Object.keys(settings)).toEqual(['model', 'depth', '__proto__', 'constructor']);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    let deep: object = {};
    for (let i = 0; i < 50_000; i += 1) deep = { deep };
    expect(problem(() => change({ settings: deep })).detail).toContain('nested more than 32 deep');
    const large = { a: 'x'.repeat(140_000) };
    expect(problem(() => change({ settings: large })).detail).toContain('at most 131072');
  });
});
