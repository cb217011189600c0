import { expect, it } from 'vitest';
import { readPluginConfig, readRegistryEntry } from '../src/mesh/registry-entry.ts';
import { entryOf } from './mesh.ts';

it('an entry is passed on as it is, with what the gateway does not know', () => {
  const entry = { ...entryOf('one'), later: { version: 2 } };
  expect(readRegistryEntry(entry)).toEqual(entry);
});

it.each([
  undefined,
  'one',
  [[]],
  { ...entryOf('one'), status: 'dancing' },
  { ...entryOf('one'), capabilities: { echo: {} } },
  { ...entryOf('one'), capabilities: [null] },
  { ...entryOf('one'), capabilities: [{ name: 'Echo' }] },
  { ...entryOf('one'), instances: ['one-1'] },
  { ...entryOf('one'), instances: [null] },
  { ...entryOf('one'), config: {} },
])('what lacks something that the gateway relies on is none: %j', (value) => {
  expect(readRegistryEntry(value)).toBeUndefined();
});

it('a configuration is one with its revision and its time', () => {
  const { config } = entryOf('one');
  expect(readPluginConfig(config)).toEqual(config);
  expect(readPluginConfig({ ...config, revision: '1' })).toBeUndefined();
  expect(readPluginConfig({ id: 'one', revision: 1 })).toBeUndefined();
});
