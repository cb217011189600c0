import type { InstanceEnd, PluginInfo, Restarts } from '@bkg/sdk/protocol';

/** The ends to list: what the receipt of the last rollout says of an instance that it rejected is not said twice. */
export function listedEnds({ ends = [], rollout }: Pick<PluginInfo, 'ends' | 'rollout'>): InstanceEnd[] {
  const told = new Set(rollout?.instances.map(({ instance }) => instance));
  return ends.filter(({ verdict, instance }) => verdict !== 'rejected' || !told.has(instance));
}

/** What became of a plugin that failed, in three parts, so that the one that counts down has its own place. */
export interface RestartText {
  before: string;
  /** Until it is started again; absent when it is not counted down. */
  seconds?: number;
  after: string;
}

/** @param now ms since the epoch; undefined when nobody can say what happens now */
export function restartText(
  { failures, next_at: nextAt, stays_down: staysDown }: Restarts,
  now: number | undefined,
): RestartText {
  const failed = failures > 1 ? `Failed ${failures} times in a row` : 'Failed once';
  if (staysDown) return { before: `${failed}; it stays down until you start it.`, after: '' };
  if (nextAt === undefined) return { before: `${failed} before.`, after: '' };
  if (now === undefined) return { before: `${failed}; it was to be started again.`, after: '' };
  const seconds = Math.ceil((Date.parse(nextAt) - now) / 1_000);
  if (!(seconds > 0)) return { before: `${failed}, starting again now.`, after: '' };
  return { before: `${failed}, starting again in`, seconds, after: 's.' };
}
