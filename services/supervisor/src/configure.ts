import { isDeepStrictEqual } from 'node:util';
import { BkgError, configDefaults } from '@bkg/sdk';
import type { PluginConfig } from '@bkg/sdk';
import { changedConfig, readConfigChange } from './config-change.ts';
import { configOf } from './desired-state.ts';
import type { DesiredPlugin, DesiredState, Kept, StoredConfig } from './desired-state.ts';
import { knownPlugin, notManaged, notRead, refuseUnlessHeld, whenRead } from './known-plugin.ts';
import type { Lease } from './lease.ts';
import { firstConfig } from './manifest.ts';
import type { Plugin } from './plugin.ts';
import type { Plugins } from './plugins.ts';
import type { Timings } from './timings.ts';

export interface ConfigureOptions {
  plugins: Plugins;
  desiredState: Pick<DesiredState, 'configure'>;
  lease: Pick<Lease, 'isHeld'>;
  timings: Pick<Timings, 'scanEveryMs'>;
}

/**
 * Changes a plugin's configuration. `replicas` and `enabled` act at once, by reconciliation; all else holds for
 * instances that are launched from then on.
 * @param body a ConfigChange
 * @throws BkgError PLUGIN_NOT_FOUND, INVALID_PAYLOAD, CONFLICT, PLUGIN_UNAVAILABLE
 */
export async function configure(
  options: ConfigureOptions,
  id: string,
  body: unknown,
  signal: AbortSignal,
): Promise<PluginConfig> {
  const { plugins, lease } = options;
  const plugin = knownPlugin(plugins, id);
  const change = readConfigChange(id, body);
  if (!plugin.source && plugin.managed.size === 0) throw notManaged(id, 'configure');
  if (!plugin.desired) await whenRead(options, plugin, signal);
  refuseUnlessHeld(lease);
  // One after the other, each on what the one before it has written.
  const turn = (plugin.writing ?? Promise.resolve()).then(async () => {
    const { desired } = plugin;
    if (!desired) throw plugin.problem ? unreadable(plugin) : notRead(plugin);
    const current = configOf(desired.config);
    if (change.revision !== current.revision) {
      throw new BkgError(
        'CONFLICT',
        `The configuration of ${id} has revision ${current.revision}, not ${change.revision}: it was changed meanwhile; read it again and repeat.`,
      );
    }
    const next = changedConfig(current, change, defaultsOf(plugin), settingsSchemaOf(plugin));
    if (isDeepStrictEqual(next, current)) return current;
    return configOf(await write(options, plugin, desired, next, change.why ?? ''));
  });
  plugin.writing = turn.then(
    () => undefined,
    () => undefined,
  );
  // Not read from the plugin again, which somebody may have cleared by then.
  return turn;
}

async function write(
  { plugins, desiredState }: ConfigureOptions,
  plugin: Plugin,
  desired: DesiredPlugin,
  config: PluginConfig,
  why: string,
): Promise<Kept<StoredConfig>> {
  try {
    const kept = await desiredState.configure(desired.config, config, { by: 'control', why });
    plugin.desired = { ...desired, config: kept };
    return kept;
  } catch (error) {
    // Whoever wrote it: it is read again.
    plugin.desired = undefined;
    throw error;
  } finally {
    plugins.changed(plugin.id);
  }
}

function defaultsOf({ id, source }: Plugin): PluginConfig {
  return source?.manifest ? firstConfig(source.manifest) : { id, ...configDefaults };
}

/** As the newest instance says it, or the last one said it. */
function settingsSchemaOf(plugin: Plugin) {
  const [newest] = plugin.ready.toSorted((a, b) => b.launchedAt - a.launchedAt);
  const said = newest && plugin.sightings.get(newest.id)?.descriptor;
  return (said ?? plugin.lastDescriptor)?.settings_schema;
}

function unreadable({ id, problem }: Plugin): BkgError {
  return new BkgError('CONFLICT', `${id} cannot be configured: ${problem}.`);
}
