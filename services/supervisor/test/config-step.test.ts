import { expect, it } from 'vitest';
import { configDefaults } from '@bkg/sdk';
import type { PluginConfig } from '@bkg/sdk';
import { configStep } from '../src/config/config-step.ts';

const config: PluginConfig = {
  id: 'notes',
  ...configDefaults,
  env: { LEVEL: '1', PLACE: 'here' },
  settings: { colour: 'red', deep: { list: [1, 2] } },
  revision: 4,
};
const step = (change: Partial<PluginConfig>, settingsLive = false) =>
  configStep(config, { ...config, revision: 5, ...change }, settingsLive);

it.each<[string, Partial<PluginConfig>]>([
  ['nothing but its revision', {}],
  ['how many of it run, and whether they do', { replicas: 3, enabled: false, autostart: true }],
  [
    'the order of its keys',
    { env: { PLACE: 'here', LEVEL: '1' }, settings: { deep: { list: [1, 2] }, colour: 'red' } },
  ],
])('a configuration that differs in %s takes no step', (_, change) => {
  expect(step(change)).toBe('none');
  expect(step(change, true)).toBe('none');
});

it.each<[string, Partial<PluginConfig>]>([
  ['resources', { resources: { ...config.resources, timeout_secs: 31, max_memory_mb: 64 } }],
  ['concurrency', { limits: { ...config.limits, max_concurrency: 1 } }],
  ['queue', { limits: { ...config.limits, max_queue: 0 } }],
])('other %s are taken over live, whatever it says of its settings', (_, change) => {
  expect(step(change)).toBe('live');
  expect(step(change, true)).toBe('live');
});

it.each<[string, Partial<PluginConfig['limits']>]>([
  ['of the plugin', { rate_per_second: 5 }],
  ['of a capability', { capabilities: { say: { rate_per_second: 5 } } }],
])('how many of it run is told live where there is a rate limit %s', (_, rate) => {
  const limits = { ...config.limits, ...rate };
  expect(step({ limits })).toBe('live');
  const limited = { ...config, limits };
  expect(configStep(limited, { ...limited, replicas: 3 }, false)).toBe('live');
  expect(configStep(limited, { ...limited, enabled: false, autostart: true }, false)).toBe('none');
});

it.each<[string, Partial<PluginConfig>]>([
  ['a value', { settings: { colour: 'blue', deep: { list: [1, 2] } } }],
  ['the order of a list', { settings: { colour: 'red', deep: { list: [2, 1] } } }],
  ['one that is not there any more', { settings: { colour: 'red' } }],
  ['one more', { settings: { ...config.settings, more: null } }],
])('other settings, by %s, are taken over live only where it says so', (_, change) => {
  expect(step(change)).toBe('restart');
  expect(step(change, true)).toBe('live');
  expect(step({ ...change, resources: { ...config.resources, timeout_secs: 1 } })).toBe('restart');
});

it('another sandbox takes a restart', () => {
  expect(step({ sandbox: 'on' }, true)).toBe('restart');
});

it.each<Record<string, string>>([{ LEVEL: '2', PLACE: 'here' }, { LEVEL: '1' }, { ...config.env, MORE: '' }])(
  'another environment takes a restart: %j',
  (env) => {
    expect(step({ env })).toBe('restart');
    expect(step({ env, settings: {}, resources: { ...config.resources, timeout_secs: 1 } }, true)).toBe(
      'restart',
    );
  },
);
