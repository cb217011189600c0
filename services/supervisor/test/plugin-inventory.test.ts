import { beforeEach, describe, expect, it } from 'vitest';
import type { Logger } from '@bkg/sdk';
import { UnreadableError } from '../src/bucket.ts';
import type { DesiredPlugin } from '../src/desired-state.ts';
import { firstConfig } from '../src/manifest.ts';
import type { PluginSource, Scan } from '../src/plugin-folders.ts';
import { PluginInventory } from '../src/plugin-inventory.ts';
import type { PluginInventoryOptions } from '../src/plugin-inventory.ts';
import { Plugins } from '../src/plugins.ts';

const manifestOf = (id: string) => ({ id, version: '1.0.0', command: ['x'] });
const whole = (id: string): PluginSource => ({
  id,
  folder: `/plugins/${id}`,
  version: '1.0.0',
  manifest: manifestOf(id),
});
const broken = (id: string): PluginSource => ({
  id,
  folder: `/plugins/${id}`,
  problem: 'plugin.json is no file',
});

/** Its configuration is that of an earlier plugin.json. */
function desiredOf(id: string): DesiredPlugin {
  const at = '2026-01-01T00:00:00.000Z';
  const config = { ...firstConfig(manifestOf(id)), replicas: 7, revision: 1, by: 'manifest', at, why: '' };
  const run = { want: 'stopped' as const, version: '1.0.0', by: 'manifest', at };
  return { config: { value: config, revision: 1 }, run: { value: run, revision: 2 } };
}

describe('what cannot be done for a plugin is said once', () => {
  let plugins: Plugins;
  let said: string[];
  beforeEach(() => {
    plugins = new Plugins();
    said = [];
  });

  async function look(
    times: number,
    sources: PluginSource[],
    desiredState: Partial<PluginInventoryOptions['desiredState']>,
  ): Promise<void> {
    const scan: Scan = {
      sources: new Map(sources.map((one) => [one.id, one])),
      others: new Map(),
      coming: new Set(),
      isBlind: false,
      unsettled: false,
    };
    const log = {
      warn: ({ plugin_id }: { plugin_id: string }, text: string) => said.push(`${plugin_id}: ${text}`),
    } as unknown as Logger;
    const inventory = new PluginInventory({
      folders: { scan: () => Promise.resolve(scan) },
      desiredState: desiredState as PluginInventoryOptions['desiredState'],
      plugins,
      timings: { scanEveryMs: 10, settleMs: 10 },
      log,
    });
    for (let i = 0; i < times; i += 1) {
      await inventory.look();
      for (const { writing } of plugins.all()) await writing;
    }
  }

  it('when it cannot be read, also beside one of which there is nothing to read', async () => {
    await look(5, [whole('a'), broken('b')], {
      load: (id) =>
        id === 'a' ? Promise.reject(new UnreadableError('it is no JSON')) : Promise.resolve(undefined),
    });
    expect(said.filter((text) => text.startsWith('a:'))).toEqual([
      'a: what is wanted cannot be read; trying again',
    ]);
  });

  it('when it can be read and not be written', async () => {
    await look(8, [whole('a')], {
      load: (id) => Promise.resolve(desiredOf(id)),
      configure: () => Promise.reject(new Error('the disk is full')),
    });
    expect(said).toEqual(['a: plugin.json has changed; its configuration could not be written']);
  });
});
