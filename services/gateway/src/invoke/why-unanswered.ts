import { BkgError } from '@bkg/sdk';
import type { Broker } from '../mesh/broker.ts';
import type { Catalog } from '../mesh/catalog.ts';
import { missing } from '../mesh/readiness.ts';
import { unanswered } from '../mesh/unanswered.ts';
import type { UntakenCall } from './held-call.ts';

/** Why nobody takes an invocation, from what the gateway knows of the mesh. */
export function whyUnanswered(
  broker: Broker,
  catalog: Catalog,
  { pluginId, capability, mayRead }: Pick<UntakenCall, 'pluginId' | 'capability' | 'mayRead'>,
): BkgError {
  const entry = catalog.get(pluginId);
  const why = entry ? undefined : missing(broker, catalog);
  if (why) return new BkgError('PLUGIN_UNAVAILABLE', `Nobody answers for ${pluginId}. ${why}`);
  return unanswered(pluginId, capability, entry, catalog.unknownSince(pluginId), mayRead);
}
