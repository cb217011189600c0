import { BkgError } from '@bkg/sdk';
import type { Broker } from './broker.ts';
import type { Catalog } from './catalog.ts';

/** What is missing before the gateway can do its work, as a sentence; undefined when nothing is. */
export function missing(broker: Broker, catalog: Catalog): string | undefined {
  if (!broker.connected) return broker.awayError().message;
  if (!catalog.ready) return 'The registry is not there yet; the supervisor makes it when it starts.';
  return undefined;
}

/** What was read once can be told, also while the broker is away. @throws BkgError PLUGIN_UNAVAILABLE before that */
export function assertRead(broker: Broker, catalog: Catalog): void {
  if (catalog.ready) return;
  throw new BkgError('PLUGIN_UNAVAILABLE', missing(broker, catalog) ?? 'The registry is not read yet.');
}
