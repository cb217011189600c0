import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BkgError, completeConfig, configDefaults, subjects } from '@bkg/sdk';
import type { ConfigHistory, PayloadError, PluginConfig, PluginInfo } from '@bkg/sdk';
import { changedConfig, readConfigChange } from '../src/config/config-change.ts';
import { configStep } from '../src/config/config-step.ts';
import { firstConfig, readManifest } from '../src/manifest.ts';
import { manifest, Mesh, problemOf } from './mesh.ts';

const places = { max_concurrency: 64, max_queue: 1_024 };
const defaults: PluginConfig = { id: 'echo', ...configDefaults };
const withLimits = (limits: Partial<PluginConfig['limits']>): PluginConfig => ({
  ...defaults,
  limits: { ...places, ...limits },
  revision: 4,
});
const limitsAfter = (
  current: Partial<PluginConfig['limits']>,
  limits: object | null,
  ofManifest: Partial<PluginConfig['limits']> = {},
) =>
  changedConfig(
    withLimits(current),
    readConfigChange('echo', { revision: 4, limits }),
    withLimits(ofManifest),
  ).limits;

function errorsOf(work: () => unknown): PayloadError[] {
  try {
    work();
  } catch (error) {
    if (error instanceof BkgError) return error.problem.errors ?? [];
    throw error;
  }
  throw new Error('it did not fail');
}

describe('rates in a change', () => {
  it('are merged like everything else', () => {
    expect(limitsAfter({}, { rate_per_second: 2.5 })).toEqual({ ...places, rate_per_second: 2.5 });
    expect(limitsAfter({ rate_per_second: 5 }, { burst: 9 })).toEqual({
      ...places,
      rate_per_second: 5,
      burst: 9,
    });
    expect(limitsAfter({ rate_per_second: 5, burst: 9 }, { burst: null })).toEqual({
      ...places,
      rate_per_second: 5,
    });
    expect(limitsAfter({ rate_per_second: 5, burst: 9 }, { burst: null, rate_per_second: null })).toEqual(
      places,
    );
    expect(limitsAfter({ rate_per_second: 5, burst: 9 }, null)).toEqual(places);
    expect(limitsAfter({ rate_per_second: 5 }, { max_queue: 1 })).toEqual({
      ...places,
      max_queue: 1,
      rate_per_second: 5,
    });
  });

  it('that are taken away are those of plugin.json again', () => {
    const ofManifest = {
      rate_per_second: 10,
      burst: 20,
      capabilities: { 'text.say': { rate_per_second: 1 } },
    };
    const current = { rate_per_second: 5, burst: 6, capabilities: {} };
    expect(limitsAfter(current, { rate_per_second: null, burst: null }, ofManifest)).toMatchObject({
      rate_per_second: 10,
      burst: 20,
      capabilities: {},
    });
    expect(limitsAfter(current, { capabilities: null }, ofManifest).capabilities).toEqual(
      ofManifest.capabilities,
    );
  });

  it('of single capabilities are given, changed and taken away one by one', () => {
    const capabilities = { 'text.say': { rate_per_second: 1, burst: 3 }, print: { rate_per_second: 2 } };
    const after = limitsAfter(
      { capabilities },
      { capabilities: { print: null, 'text.say': { rate_per_second: 7 }, log: { rate_per_second: 4 } } },
    );
    expect(after.capabilities).toEqual({
      'text.say': { rate_per_second: 7, burst: 3 },
      log: { rate_per_second: 4 },
    });
    expect(
      limitsAfter({ capabilities }, { capabilities: { 'text.say': { burst: null } } }).capabilities,
    ).toEqual({
      ...capabilities,
      'text.say': { rate_per_second: 1 },
    });
    // The plugin need not have it: another version may.
    expect(limitsAfter({}, { capabilities: { unheard: { rate_per_second: 1 } } }).capabilities).toEqual({
      unheard: { rate_per_second: 1 },
    });
  });

  it.each([
    [{}, { burst: 5 }, '/limits/burst'],
    [{ rate_per_second: 5, burst: 9 }, { rate_per_second: null }, '/limits/burst'],
    [{}, { capabilities: { a: { burst: 5 } } }, '/limits/capabilities/a'],
    [
      { capabilities: { a: { rate_per_second: 1 } } },
      { capabilities: { a: { rate_per_second: null } } },
      '/limits/capabilities/a',
    ],
    [{}, { rate_per_second: 0 }, '/limits/rate_per_second'],
    [{}, { rate_per_second: 1, burst: 0 }, '/limits/burst'],
    [{}, { rate_per_second: 1, burst: 1.5 }, '/limits/burst'],
    [{}, { capabilities: { a: { rate_per_second: 1, more: 1 } } }, '/limits/capabilities/a'],
    [{}, { capabilities: { 'A b': { rate_per_second: 1 } } }, '/limits/capabilities'],
    [
      {
        capabilities: Object.fromEntries(
          Array.from({ length: 256 }, (_, i) => [`c${i}`, { rate_per_second: 1 }]),
        ),
      },
      { capabilities: { more: { rate_per_second: 1 } } },
      '/limits/capabilities',
    ],
  ])('that limit nothing, or cannot be, are refused: %j and %j', (current, limits, place) => {
    const errors = errorsOf(() => limitsAfter(current, limits));
    expect(errors.map(({ path }) => path)).toContain(place);
  });

  it('without which a burst is nothing are named', () => {
    const errors = errorsOf(() => limitsAfter({}, { burst: 5 }));
    expect(errors).toEqual([{ path: '/limits/burst', message: expect.stringContaining('rate_per_second') }]);
    expect(errors[0]?.message).toContain('null');
  });

  it('are taken over while the plugin runs', () => {
    const [before, after] = [withLimits({}), withLimits({ rate_per_second: 5 })];
    expect(configStep(before, after, false)).toBe('live');
    expect(configStep(after, withLimits({ rate_per_second: 5 }), false)).toBe('none');
  });
});

describe('rates of plugin.json', () => {
  const read = (limits: object) =>
    readManifest(JSON.stringify({ id: 'echo', version: '1.0.0', command: ['x'], config: { limits } }));

  it('are those of the first configuration', () => {
    const limits = { rate_per_second: 3, capabilities: { a: { rate_per_second: 1 } } };
    const reading = read(limits);
    if (!('manifest' in reading)) throw new Error(reading.problem);
    expect(firstConfig(reading.manifest).limits).toEqual({ ...places, ...limits });
    expect(completeConfig('echo', { limits: { ...places, ...limits } }).limits).toEqual({
      ...places,
      ...limits,
    });
    expect(completeConfig('echo', {}).limits).toEqual(places);
  });

  it('are needed for a burst', () => {
    expect(read({ burst: 3 })).toMatchObject({ problem: expect.stringContaining('rate_per_second') });
  });
});

describe('rates of a plugin that runs', () => {
  let mesh: Mesh;
  beforeAll(async () => {
    mesh = await Mesh.create([manifest('echo', 'echo.mjs')]);
    await mesh.supervise();
  });
  afterAll(() => mesh[Symbol.asyncDispose]());

  it('are given to it, kept with each revision, and brought back', async () => {
    const { instances } = await mesh.order('start', 'echo');
    const configure = (change: object) =>
      mesh.ask<PluginConfig>(subjects.control('configure', 'echo'), change);
    const first = { rate_per_second: 500, burst: 9, capabilities: { 'text.say': { rate_per_second: 400 } } };
    const config = await configure({ revision: 1, limits: first });
    expect(config.limits).toEqual({ ...places, ...first });
    await configure({
      revision: 2,
      limits: { rate_per_second: null, burst: null, capabilities: { 'text.say': null } },
    });
    const { revisions } = await mesh.ask<ConfigHistory>(subjects.history('echo'));
    expect(revisions.map(({ config: { limits } }) => limits)).toEqual([
      { ...places, capabilities: {} },
      { ...places, ...first },
      places,
    ]);
    const after: PluginInfo = await mesh.order('rollback', 'echo', { to: 2 });
    expect(after.config.limits).toEqual({ ...places, ...first });
    // Nothing of it needs another process.
    expect(after.instances.map(({ pid }) => pid)).toEqual(instances.map(({ pid }) => pid));
    const wrong = await problemOf(configure({ revision: 4, limits: { rate_per_second: null } }));
    expect(wrong).toMatchObject({ code: 'INVALID_PAYLOAD', errors: [{ path: '/limits/burst' }] });
  });
});
