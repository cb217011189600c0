import { configDefaults, mergeTelemetry, pluginStatus, shownConfig } from '@bkg/sdk';
import type {
  Descriptor,
  InstanceEnd,
  Isolation,
  Manifest,
  PluginCapability,
  PluginConfig,
  PluginInfo,
  PluginInstance,
  PluginTelemetry,
  RegistryEntry,
  Restarts,
  Rollout,
  Status,
} from '@bkg/sdk';

/** An instance as the registry shows it, with what it says of itself when that is known. */
export interface ShownInstance extends PluginInstance {
  descriptor?: Descriptor;
  telemetry?: PluginTelemetry;
}

/** Everything about a plugin that its entry is made of. */
export interface PluginFacts {
  id: string;
  manifest?: Manifest;
  /** Why it cannot be launched. */
  problem?: string;
  config?: PluginConfig;
  /** It should run, as far as anybody can. */
  wanted: boolean;
  versions: string[];
  isSingleWriter: boolean;
  rollout?: Rollout | undefined;
  isolation?: Isolation;
  ends?: readonly InstanceEnd[];
  restarts?: Restarts;
  /** What should run and does not is just about to be launched. */
  isDue: boolean;
  instances: readonly ShownInstance[];
  /** What it said of itself when it ran last. */
  lastDescriptor?: Descriptor;
  /** The time for which this is true. */
  observedAt: string;
}

export function registryEntry(facts: PluginFacts): RegistryEntry {
  const { id, manifest, problem, instances, observedAt } = facts;
  const running = instances.filter(({ status, descriptor }) => status === 'running' && descriptor);
  // The one that was started last speaks for all.
  const newest = running.toSorted((a, b) => (a.started_at < b.started_at ? 1 : -1))[0]?.descriptor;
  const described = newest ?? facts.lastDescriptor;
  // Of a single writer the old one is still there when another version is wanted already.
  const leaving = instances.find((one) => one.status === 'stopping');
  const status = statusOf(facts);
  const error = status === 'error' ? (problem ?? instances.find((one) => one.error)?.error) : undefined;
  return {
    id,
    name: described?.name || manifest?.name || id,
    version:
      newest?.version ??
      leaving?.version ??
      manifest?.version ??
      described?.version ??
      instances[0]?.version ??
      '0.0.0',
    description: described?.description || manifest?.description || '',
    author: described?.author || manifest?.author || '',
    status,
    ...(error && { error }),
    capabilities: newest ? commonCapabilities(newest, running) : (described?.capabilities ?? []),
    config: facts.config ? shownConfig(facts.config) : { id, ...configDefaults },
    instances: instances.map(({ descriptor: _descriptor, telemetry: _telemetry, ...instance }) => instance),
    versions: facts.versions,
    ...(described?.settings_schema !== undefined && { settings_schema: described.settings_schema }),
    ...(described?.settings_live && { settings_live: true }),
    ...(facts.isSingleWriter && { single_writer: true }),
    ...(manifest?.needs && { needs: manifest.needs }),
    ...(facts.rollout && { rollout: facts.rollout }),
    ...(facts.isolation && { isolation: facts.isolation }),
    ...(facts.ends && { ends: [...facts.ends] }),
    ...(facts.restarts && { restarts: facts.restarts }),
    observed_at: observedAt,
  };
}

function statusOf({ instances, problem, wanted, isDue }: PluginFacts): Status {
  if (instances.length === 0 && problem) return 'error';
  if (instances.length === 0 && wanted && isDue) return 'starting';
  const statuses = instances.map(({ status }) => status);
  return pluginStatus(statuses, wanted);
}

export function pluginInfo(entry: RegistryEntry, instances: readonly ShownInstance[]): PluginInfo {
  const telemetry = instances.flatMap((one) => one.telemetry ?? []);
  return { ...entry, telemetry: mergeTelemetry(entry.id, telemetry) };
}

/** While instances differ, an invocation may reach any of them: what all can do, in the words of the newest. */
function commonCapabilities(newest: Descriptor, running: readonly ShownInstance[]): PluginCapability[] {
  const others = running
    .filter(({ descriptor }) => descriptor !== newest)
    .map(({ descriptor }) => new Set(descriptor?.capabilities.map(({ id }) => id)));
  return newest.capabilities.filter(({ id }) => others.every((ids) => ids.has(id)));
}
