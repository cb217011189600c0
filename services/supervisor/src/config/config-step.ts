import { isDeepStrictEqual } from 'node:util';
import type { PluginConfig } from '@bkg/sdk';

/** What it takes until an instance runs with another configuration. */
export type ConfigStep = 'none' | 'live' | 'restart';

/**
 * @param current with which it runs
 * @param settingsLive it takes over other settings while it runs
 */
export function configStep(current: PluginConfig, wanted: PluginConfig, settingsLive: boolean): ConfigStep {
  if (!isDeepStrictEqual(current.env, wanted.env) || current.sandbox !== wanted.sandbox) return 'restart';
  const hasOtherSettings = !isDeepStrictEqual(current.settings, wanted.settings);
  if (hasOtherSettings && !settingsLive) return 'restart';
  const isSame =
    isDeepStrictEqual(current.resources, wanted.resources) &&
    isDeepStrictEqual(current.limits, wanted.limits) &&
    // Each instance lets an n-th of a rate limit through.
    (!isRateLimited(wanted) || current.replicas === wanted.replicas);
  return hasOtherSettings || !isSame ? 'live' : 'none';
}

function isRateLimited({ limits }: PluginConfig): boolean {
  return limits.rate_per_second !== undefined || Object.keys(limits.capabilities ?? {}).length > 0;
}
