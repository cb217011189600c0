import { isStatus } from '@bkg/sdk';
import type { RegistryEntry } from '@bkg/sdk';

/** Whether a value has what the gateway relies on; the rest is passed on as it is. */
export function isRegistryEntry(value: unknown): value is RegistryEntry {
  if (typeof value !== 'object' || value === null) return false;
  const { id, status, observed_at, capabilities, instances, config } = value as Partial<RegistryEntry>;
  return (
    typeof id === 'string' &&
    isStatus(status) &&
    typeof observed_at === 'string' &&
    Array.isArray(capabilities) &&
    Array.isArray(instances) &&
    Number.isFinite(config?.resources?.timeout_secs)
  );
}
