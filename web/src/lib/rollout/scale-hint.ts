import type { PluginInfo } from '@bkg/sdk/protocol';
import { plural } from '../format.ts';

/** What is said below the number of instances: what is under way, or why it cannot be another. */
export function scaleHint(plugin: PluginInfo, wanted: number | undefined): string {
  const runs = plugin.instances.filter(({ managed, status }) => managed && status === 'running').length;
  if (wanted !== undefined && plugin.config.enabled)
    return wanted < runs
      ? `Ending ${runs - wanted}…`
      : wanted > runs
        ? `Starting ${wanted - runs}…`
        : 'Asking…';
  if (plugin.single_writer) return 'It owns files, so it has one instance at most.';
  if (plugin.config.replicas === 0 && wanted === undefined && runs === 0)
    return plugin.config.enabled
      ? 'No instances are wanted; + starts one.'
      : 'Stopped, and no instances are wanted.';
  if (!plugin.config.enabled || plugin.status === 'stopped')
    return `Stopped; the next start brings ${plural(wanted ?? plugin.config.replicas, 'instance')}.`;
  if (plugin.rollout?.state === 'running') return 'Being replaced, one after the other.';
  const { replicas } = plugin.config;
  return runs === replicas ? 'As many as there should be.' : `${runs} run, ${replicas} should.`;
}
