import type { PluginInfo, Rollout } from '@bkg/sdk/protocol';
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
  const { instances, single_writer: ownsFiles, settings_live: isLive = false } = plugin;
  const isOneOf = (...members: string[]) =>
    differences.some(({ path }) => members.includes(path.split('/')[1] ?? ''));
  if (differences.some(({ path, after }) => path === '/enabled' && after === false))
    return 'Saving stops it.';
  if (!instances.some(({ managed }) => managed)) return 'Nothing runs now; it counts from the next start.';
  const causes = [
    ...(isOneOf('env') ? ['Environment'] : []),
    ...(isOneOf('settings') && !isLive ? [isOneOf('env') ? 'settings' : 'Settings'] : []),
  ];
  if (causes.length > 0) {
    const how = ownsFiles ? 'its instance is replaced' : 'instances are replaced one by one';
    return `${causes.join(' and ')}: ${how}.`;
  }
  if (isOneOf('settings', 'resources', 'limits'))
    return 'It is taken over by the instances that run; none is replaced for it.';
  return isOneOf('replicas')
    ? 'Instances start or end until there are as many.'
    : 'Instances that run do not notice it.';
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
