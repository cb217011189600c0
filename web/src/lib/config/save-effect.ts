import type { PluginInfo, Rollout } from '@bkg/sdk/protocol';

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
