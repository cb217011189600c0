import type { PluginInfo, Rollout } from '@bkg/sdk/protocol';
import { meansOfPath } from '../limits/limit-paths.ts';
import type { Difference } from './config-diff.ts';

/** How a configuration that was saved came into force. */
export type SaveEffect =
  | { kind: 'replaced'; rollout: Rollout }
  | { kind: 'live' }
  /** Nothing runs. */
  | { kind: 'later' }
  /** The plugin could not be read after it was saved. */
  | { kind: 'unknown' };

/** @param before as it was known when the order went out */
export function saveEffect(before: PluginInfo, after: PluginInfo): SaveEffect {
  const { rollout, instances } = after;
  // What could be taken over live has a receipt too, without instances.
  if (rollout && rollout.instances.length > 0 && hasNewRollout(before, after))
    return { kind: 'replaced', rollout };
  return { kind: instances.some(({ managed }) => managed) ? 'live' : 'later' };
}

/** The receipt of the order is there. */
export function isTold(before: PluginInfo, after: PluginInfo): boolean {
  return hasNewRollout(before, after) && after.rollout?.state !== 'running';
}

function hasNewRollout(before: PluginInfo, { rollout }: PluginInfo): boolean {
  return rollout?.verb === 'configure' && rollout.started_at !== before.rollout?.started_at;
}

/** What saving will do to what runs, a sentence. */
export function expectedEffect(plugin: PluginInfo, differences: readonly Difference[]): string {
  const { instances, single_writer: ownsFiles } = plugin;
  if (differences.some(({ path, after }) => path === '/enabled' && after === false))
    return 'Saving stops it.';
  if (!instances.some(({ managed }) => managed)) return 'Nothing runs now; it counts from the next start.';
  const causes = differences.map((one) => causeToReplace(plugin, one)).filter((one) => one !== undefined);
  if (causes.length > 0) {
    const how = ownsFiles ? 'its instance is replaced' : 'instances are replaced one by one';
    const list = listText([...new Set(causes)]);
    return `${list.charAt(0).toUpperCase()}${list.slice(1)}: ${how}.`;
  }
  const members = new Set(differences.map(({ path }) => path.split('/')[1] ?? ''));
  if (['settings', 'resources', 'limits'].some((member) => members.has(member)))
    return 'It is taken over by the instances that run; none is replaced for it.';
  return members.has('replicas')
    ? 'Instances start or end until there are as many.'
    : 'Instances that run do not notice it.';
}

/** Which part of the configuration an instance has from its start on; undefined when it takes the change over. */
function causeToReplace(
  { settings_live: isLive = false, isolation }: PluginInfo,
  { path }: Difference,
): string | undefined {
  const [, member = ''] = path.split('/');
  if (member === 'env') return 'environment';
  if (member === 'settings' && !isLive) return 'settings';
  if (member === 'sandbox') return 'sandbox';
  // A process has such a limit for its life; every other means is changed from outside.
  return meansOfPath(isolation, path)?.by === 'rlimit' ? 'limits' : undefined;
}

/** "a", "a and b", "a, b and c" */
function listText(items: readonly string[]): string {
  return [items.slice(0, -1).join(', '), items.at(-1)].filter(Boolean).join(' and ');
}

export function effectText(effect: SaveEffect): string {
  switch (effect.kind) {
    case 'replaced': {
      const { length } = effect.rollout.instances;
      return effect.rollout.state === 'running'
        ? 'Its instances are being replaced.'
        : `It is in force: ${length === 1 ? 'an instance was' : `${length} instances were`} replaced for it.`;
    }
    case 'live':
      return 'It is in force: what runs took it over, and nothing had to be replaced.';
    case 'later':
      return 'Nothing runs now; it counts from the next start.';
    case 'unknown':
      return 'How it took effect could not be read.';
  }
}
