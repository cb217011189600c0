import { completeConfig, isStatus } from '@bkg/sdk';
import type { PluginConfig, RegistryEntry } from '@bkg/sdk';

/**
 * An entry when it has what the gateway relies on; the rest is passed on as it is, but for what the configuration of an
 * older supervisor lacks: that has its defaults, as the protocol says.
 */
export function readRegistryEntry(value: unknown): RegistryEntry | undefined {
  const entry = Object(value) as RegistryEntry;
  const { id, status, observed_at, capabilities, instances, config } = entry as Partial<RegistryEntry>;
  const isOne =
    typeof id === 'string' &&
    isStatus(status) &&
    typeof observed_at === 'string' &&
    areNamed(capabilities, 'id') &&
    areNamed(instances, 'instance') &&
    Number.isFinite(config?.resources?.timeout_secs);
  return isOne ? { ...entry, config: completeConfig(id, entry.config) } : undefined;
}

/** The same of a configuration alone. */
export function readPluginConfig(value: unknown): PluginConfig | undefined {
  const { id, revision, resources } = Object(value) as Partial<PluginConfig>;
  const isOne =
    typeof id === 'string' && Number.isInteger(revision) && Number.isFinite(resources?.timeout_secs);
  return isOne ? completeConfig(id, value as PluginConfig) : undefined;
}

/** Whether it is a list of objects that say by this member what each is called. */
function areNamed(list: unknown, by: string): boolean {
  return (
    Array.isArray(list) &&
    list.every((one: unknown) => typeof (Object(one) as Record<string, unknown>)[by] === 'string')
  );
}
