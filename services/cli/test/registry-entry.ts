import { configDefaults } from '@bkg/sdk';
import type { RegistryEntry } from '@bkg/sdk';

/** What the supervisor says of a plugin with one instance. */
export function registryEntry(
  given: Pick<RegistryEntry, 'id' | 'status'> & Partial<RegistryEntry>,
): RegistryEntry {
  const at = '2026-01-01T00:00:00.000Z';
  return {
    name: given.id,
    version: '0.2.0',
    description: '',
    author: '',
    capabilities: [],
    versions: [],
    config: { ...configDefaults, id: given.id },
    instances: [
      {
        instance: 'one',
        status: given.status,
        version: '0.2.0',
        host: 'here',
        managed: true,
        started_at: at,
      },
    ],
    observed_at: at,
    ...given,
  };
}
