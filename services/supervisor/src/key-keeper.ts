import { accessPlugin, BkgError } from '@bkg/sdk';
import type { PluginConfig } from '@bkg/sdk';

/** Whether it decides who may do what: it runs as long as the mesh does. */
export function isKeyKeeper(id: string): boolean {
  return id === accessPlugin;
}

/** @param how what it must not be, as the end of a sentence @throws BkgError CONFLICT */
export function refuseToEndKeyKeeper(id: string, how: string): void {
  if (!isKeyKeeper(id)) return;
  throw new BkgError(
    'CONFLICT',
    `${id} cannot be ${how}: it keeps the API keys, and without it nobody would be let in who could start it again. A new instance of it comes with an order to restart it, another version with one to swap it.`,
  );
}

/** The same for a configuration with which it would not run. @throws BkgError CONFLICT */
export function refuseKeyKeeperWithout({ id, enabled, replicas }: PluginConfig): void {
  if (!enabled) refuseToEndKeyKeeper(id, 'disabled ("enabled": false)');
  if (replicas === 0) refuseToEndKeyKeeper(id, 'scaled to no instance ("replicas": 0)');
}
