import { BkgError } from '@bkg/sdk';
import type { Connection } from '@bkg/sdk';

/** JetStream's own requests would wait out their time. @throws BkgError PLUGIN_UNAVAILABLE */
export function refuseWhileBrokerIsAway({ connected }: Pick<Connection, 'connected'>): void {
  if (connected) return;
  throw new BkgError('PLUGIN_UNAVAILABLE', 'The broker is away; it is being tried again.');
}
