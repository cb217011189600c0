import type { InstanceEnd, PluginInfo, Restarts } from '@bkg/sdk/protocol';

/** The ends to list: what the receipt of the last rollout says of an instance that it rejected is not said twice. */
export function listedEnds({ ends = [], rollout }: Pick<PluginInfo, 'ends' | 'rollout'>): InstanceEnd[] {
  const told = new Set(rollout?.instances.map(({ instance }) => instance));
  return ends.filter(({ verdict, instance }) => verdict !== 'rejected' || !told.has(instance));
}

/**
 * What became of a plugin that failed, a sentence.
 *
 * @param now ms since the epoch; undefined when nobody can say what happens now
 */
export function restartText(
  { failures, next_at: nextAt, stays_down: staysDown }: Restarts,
  now: number | undefined,
): string {
  const failed = failures > 1 ? `Failed ${failures} times in a row` : 'Failed once';
  if (staysDown) return `${failed}; it stays down until you start it.`;
  if (nextAt === undefined) return `${failed} before.`;
  if (now === undefined) return `${failed}; it was to be started again.`;
  const seconds = Math.ceil((Date.parse(nextAt) - now) / 1_000);
  return `${failed}, starting again ${seconds > 0 ? `in ${seconds} s` : 'now'}.`;
}
