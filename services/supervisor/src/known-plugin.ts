import { BkgError } from '@bkg/sdk';
import { isKeyKeeper } from './key-keeper.ts';
import type { Lease } from './lease.ts';
import type { Plugin } from './plugin.ts';
import type { Plugins } from './plugins.ts';
import type { Timings } from './timings.ts';

/** What every order has to look at first. */

/** @throws BkgError PLUGIN_NOT_FOUND */
export function knownPlugin(plugins: Plugins, id: string): Plugin {
  const plugin = plugins.get(id);
  if (!plugin) throw noSuchPlugin(id);
  return plugin;
}

/** @param id whatever somebody has asked for */
export function noSuchPlugin(id: string): BkgError {
  return new BkgError('PLUGIN_NOT_FOUND', `There is no plugin "${id.slice(0, 64)}".`);
}

/**
 * Waits until it is read what is wanted of a plugin: that is soon after it is found, and again after somebody else has
 * changed it; not when there is nothing to be read. @throws BkgError PLUGIN_UNAVAILABLE
 */
export async function whenRead(
  { plugins, timings }: { plugins: Plugins; timings: Pick<Timings, 'scanEveryMs'> },
  plugin: Plugin,
  signal: AbortSignal,
): Promise<void> {
  // Of a plugin that was never seen whole there is nothing to read, and not all can be read.
  if ((!plugin.source?.manifest && plugin.managed.size === 0) || plugin.desiredProblem) return;
  await plugins.until(plugin.id, () => plugin.desired, {
    withinMs: 6 * timings.scanEveryMs,
    onLate: () => notRead(plugin),
    signal,
  });
}

/** @throws BkgError PLUGIN_UNAVAILABLE */
export function refuseUnlessHeld({ isHeld }: Pick<Lease, 'isHeld'>): void {
  if (isHeld) return;
  throw new BkgError(
    'PLUGIN_UNAVAILABLE',
    'This supervisor has just lost touch with the broker; try again in a moment.',
  );
}

/** @throws BkgError CONFLICT */
export function refuseDuringRollout({ id, rollout }: Plugin, verb: string): void {
  if (!rollout) return;
  const { verb: other, target } = rollout.plan;
  const what =
    other === 'restart' || other === 'configure' ? `A ${other}` : `A ${other} to ${target.version}`;
  throw new BkgError(
    'CONFLICT',
    `${what} of ${id} is under way: order to ${verb} it when that is done${isKeyKeeper(id) ? '' : `, or end it with an order to stop ${id}`}.`,
  );
}

export function shutsDown(): BkgError {
  return new BkgError('PLUGIN_UNAVAILABLE', 'The mesh shuts down; nothing is started any more.');
}

/** @param what a plugin, or a version of one */
export function notStartable(what: string, problem: string): BkgError {
  return new BkgError('CONFLICT', `${what} cannot be started: ${problem}.`);
}

export function notManaged(id: string, verb: string): BkgError {
  return new BkgError(
    'CONFLICT',
    `${id} is not managed here: no plugin folder has its plugin.json. Whoever runs it can ${verb} it.`,
  );
}

export function notRead({ id }: Plugin): BkgError {
  const why = `What is wanted of ${id} cannot be read from the broker`;
  return new BkgError('PLUGIN_UNAVAILABLE', `${why}; try again in a moment.`);
}
