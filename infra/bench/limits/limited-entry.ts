import { completeConfig } from '@bkg/sdk';
import type { PluginConfig, RegistryEntry } from '@bkg/sdk';

export function limitedTo(limits: Partial<PluginConfig['limits']>): PluginConfig {
  const config = completeConfig('echo', {});
  return { ...config, limits: { ...config.limits, ...limits } };
}

/** What the registry would say of the plugin of `programs/echo.ts`. */
export function limitedEntry(limits: Partial<PluginConfig['limits']>): RegistryEntry {
  return {
    id: 'echo',
    name: 'echo',
    version: '1.0.0',
    description: '',
    author: '',
    status: 'running',
    versions: ['1.0.0'],
    capabilities: [],
    config: limitedTo(limits),
    instances: [],
    observed_at: new Date().toISOString(),
  };
}
