import type { PluginInfo } from '@bkg/sdk';

/** What is left out of an entry of a list that is too long for one message, in this order, the largest first. */
const steps: readonly ((plugin: PluginInfo) => PluginInfo)[] = [
  ({ isolation: _isolation, ends: _ends, ...plugin }) => plugin,
  ({ settings_schema: _settings, ...plugin }) => ({
    ...plugin,
    capabilities: plugin.capabilities.map(withoutSchemas),
  }),
  (plugin) => ({ ...plugin, capabilities: [] }),
  ({ rollout: _rollout, needs: _needs, ...plugin }) => ({
    ...plugin,
    instances: [],
    versions: [],
    description: '',
    config: { ...plugin.config, env: {}, settings: {} },
  }),
];

interface Sized {
  plugin: PluginInfo;
  bytes: number;
}

/**
 * The list in at most so many bytes of JSON: no plugin can keep the others from being listed. Whoever wants to know all
 * of one asks for it alone. Those that nobody here manages are left out when nothing else helps.
 */
export function fitList(plugins: readonly PluginInfo[], mostBytes: number): PluginInfo[] {
  const list = plugins.map(withoutOutput).map(sized);
  // Two brackets, and each but the last has a comma.
  let total = list.reduce((sum, { bytes }) => sum + bytes, 1);
  for (const step of steps) {
    const largest = [...list.keys()].sort((a, b) => bytesAt(list, b) - bytesAt(list, a));
    for (const at of largest) {
      if (total <= mostBytes) return list.map(({ plugin }) => plugin);
      const before = list[at] as Sized;
      const after = sized(step(before.plugin));
      list[at] = after;
      total -= before.bytes - after.bytes;
    }
  }
  const byWorth = list.toSorted((a, b) => Number(isManaged(b.plugin)) - Number(isManaged(a.plugin)));
  while (total > mostBytes && byWorth.length > 0) total -= byWorth.pop()?.bytes ?? 0;
  const kept = new Set(byWorth);
  return list.filter((one) => kept.has(one)).map(({ plugin }) => plugin);
}

/** Last output is for who looks at one plugin; of many it would take the place of what lists are for. */
function withoutOutput(plugin: PluginInfo): PluginInfo {
  if (!plugin.ends) return plugin;
  return { ...plugin, ends: plugin.ends.map(({ output: _output, ...end }) => end) };
}

function sized(plugin: PluginInfo): Sized {
  return { plugin, bytes: Buffer.byteLength(JSON.stringify(plugin)) + 1 };
}

function bytesAt(list: readonly Sized[], at: number): number {
  return list[at]?.bytes ?? 0;
}

function withoutSchemas(capability: PluginInfo['capabilities'][number]) {
  const { chunk_schema: _chunk, ...rest } = capability;
  return { ...rest, input_schema: {}, output_schema: {} };
}

/** A configuration is written for those only that have a plugin.json. */
function isManaged({ config }: PluginInfo): boolean {
  return config.revision > 0;
}
