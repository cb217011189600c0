import { expect, it } from 'vitest';
import { configDefaults } from '@bkg/sdk';
import type { PluginConfig } from '@bkg/sdk';
import type { DesiredPlugin } from '../src/desired-state.ts';
import type { ManagedInstance } from '../src/managed-instance.ts';
import { Plugin } from '../src/plugin.ts';
import type { Rollout } from '../src/rollout/rollout.ts';

const config: PluginConfig = { id: 'echo', ...configDefaults, revision: 4 };

/** A plugin with an instance that was adopted, and whose configuration cannot be read. */
function adopted() {
  const plugin = new Plugin('echo');
  plugin.desired = {
    config: { value: config, revision: 4 },
    run: { value: { want: 'running' }, revision: 1 },
  } as unknown as DesiredPlugin;
  const one = { id: 'i', record: {}, launchedAt: 1, isLeaving: false } as unknown as ManagedInstance;
  plugin.managed.set('i', one);
  return { plugin, one };
}

it('gives the configuration of today to an instance of which it does not know what it was given', () => {
  const { plugin, one } = adopted();
  expect([plugin.isUnconfigured(one), plugin.isOutdated(one)]).toEqual([true, false]);
  one.notTakenOver = 3;
  expect([plugin.isUnconfigured(one), plugin.isOutdated(one)]).toEqual([true, false]);
  one.notTakenOver = 4;
  expect([plugin.isUnconfigured(one), plugin.isOutdated(one)]).toEqual([false, true]);
});

it('replaces it in a rollout, which may change what no process takes over', () => {
  const { plugin, one } = adopted();
  plugin.rollout = { hasBegun: true, target: { version: undefined, notBefore: 0 } } as unknown as Rollout;
  expect([plugin.isUnconfigured(one), plugin.isOutdated(one)]).toEqual([false, true]);
});

it('takes it to run with the configuration of today when it says what another one takes', () => {
  const { plugin } = adopted();
  expect(plugin.stepTo({ ...config, autostart: !config.autostart })).toBe('none');
  expect(plugin.stepTo({ ...config, limits: { ...config.limits, max_queue: 1 } })).toBe('live');
  expect(plugin.stepTo({ ...config, env: { MODE: 'b' } })).toBe('restart');
});
