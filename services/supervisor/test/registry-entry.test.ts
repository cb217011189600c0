import { describe, expect, it } from 'vitest';
import { configDefaults } from '@bkg/sdk';
import type { Descriptor, PluginCapability } from '@bkg/sdk';
import { pluginInfo, registryEntry } from '../src/registry-entry.ts';
import type { PluginFacts, ShownInstance } from '../src/registry-entry.ts';

const capability = (id: string, description = ''): PluginCapability => ({
  id,
  name: id,
  description,
  input_schema: {},
  output_schema: {},
  stream: false,
  upload: false,
  idempotent: false,
});
const descriptor = (version: string, ...capabilities: PluginCapability[]): Descriptor => ({
  id: 'echo',
  version,
  name: `Echo ${version}`,
  description: 'd',
  author: 'a',
  capabilities,
});
let count = 0;
const instance = (more: Partial<ShownInstance> = {}): ShownInstance => ({
  instance: `i${(count += 1)}`,
  status: 'running',
  version: '1.0.0',
  host: 'here',
  managed: true,
  started_at: '2026-11-24T08:00:00.000Z',
  ...more,
});
const entry = (more: Partial<PluginFacts> = {}) =>
  registryEntry({
    id: 'echo',
    wanted: true,
    isDue: false,
    instances: [],
    versions: [],
    isSingleWriter: false,
    observedAt: '2026-11-24T08:00:00.000Z',
    ...more,
  });
const ids = (capabilities: PluginCapability[]) => capabilities.map(({ id }) => id);

describe('the entry of a plugin', () => {
  it('is made of what there is, when nothing is known but its id', () => {
    expect(entry({ wanted: false })).toEqual({
      id: 'echo',
      name: 'echo',
      version: '0.0.0',
      description: '',
      author: '',
      status: 'stopped',
      capabilities: [],
      config: { id: 'echo', ...configDefaults },
      instances: [],
      versions: [],
      observed_at: '2026-11-24T08:00:00.000Z',
    });
  });

  it('is what it said last while it is stopped, under the version that would be started', () => {
    const manifest = { id: 'echo', version: '2.0.0', command: ['x'] };
    const stopped = entry({ wanted: false, manifest, lastDescriptor: descriptor('1.0.0', capability('a')) });
    expect(stopped).toMatchObject({ name: 'Echo 1.0.0', version: '2.0.0', status: 'stopped' });
    expect(ids(stopped.capabilities)).toEqual(['a']);
  });

  it('has the capabilities that all running instances have, in the words of the newest', () => {
    const old = instance({ descriptor: descriptor('1.0.0', capability('a', 'old'), capability('b')) });
    const young = instance({
      started_at: '2026-11-24T09:00:00.000Z',
      descriptor: descriptor('1.1.0', capability('c'), capability('a', 'new')),
    });
    const stopping = instance({ status: 'stopping', descriptor: descriptor('0.9.0') });
    const unheard = instance();
    const both = entry({ instances: [old, young, stopping, unheard] });
    expect(both.capabilities).toMatchObject([{ id: 'a', description: 'new' }]);
    expect(both).toMatchObject({ name: 'Echo 1.1.0', version: '1.1.0' });
    expect(ids(entry({ instances: [old] }).capabilities)).toEqual(['a', 'b']);
  });

  it('says why it has failed, and nothing of that while it runs', () => {
    const failed = instance({ status: 'error', error: 'ended by SIGKILL' });
    expect(entry({ instances: [failed] })).toMatchObject({ status: 'error', error: 'ended by SIGKILL' });
    expect(entry({ instances: [failed, instance()] })).not.toHaveProperty('error');
    expect(entry({ problem: 'plugin.json is not JSON', wanted: false })).toMatchObject({
      status: 'error',
      error: 'plugin.json is not JSON',
    });
  });

  it('that should run and does not is starting when it is just about to, and else in error', () => {
    expect(entry().status).toBe('error');
    expect(entry({ isDue: true }).status).toBe('starting');
    expect(entry({ isDue: true, wanted: false }).status).toBe('stopped');
    expect(entry({ isDue: true, problem: 'x' }).status).toBe('error');
  });

  it('shows nothing of its instances that is not theirs to be read', () => {
    const [shown] = entry({ instances: [instance({ descriptor: descriptor('1.0.0') })] }).instances;
    expect(shown).not.toHaveProperty('descriptor');
    expect(shown).not.toHaveProperty('telemetry');
  });

  it('says what its plugin.json needs of others, and shows no secret of its environment', () => {
    const manifest = { id: 'echo', version: '1.0.0', command: ['x'], needs: ['candle:model.*'] };
    const config = { id: 'echo', ...configDefaults, env: { API_TOKEN: 'x', MODE: 'y' } };
    expect(entry({ manifest, config })).toMatchObject({
      needs: ['candle:model.*'],
      config: { env: { API_TOKEN: '********', MODE: 'y' } },
    });
    expect(config.env.API_TOKEN).toBe('x');
    expect(entry()).not.toHaveProperty('needs');
  });

  it('with telemetry is everything about it', () => {
    const info = pluginInfo(entry(), []);
    expect(info.telemetry).toMatchObject({ plugin_id: 'echo', instances: 0, request_count: 0 });
  });
});
