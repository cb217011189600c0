import { descriptorOf } from '@bkg/sdk';
import type { PluginConfig, PluginDefinition, RegistryEntry } from '@bkg/sdk';

/** What the registry would say of a plugin that nobody has started: a gateway without a supervisor is given it. */
export function entryOf(
  plugin: PluginDefinition,
  config: PluginConfig,
  instances: RegistryEntry['instances'] = [],
): RegistryEntry {
  const { id, name, version, description, author, capabilities } = descriptorOf(plugin);
  return {
    ...{ id, name, version, description, author, capabilities, config, instances },
    status: 'running',
    versions: [version],
    observed_at: new Date().toISOString(),
  };
}
