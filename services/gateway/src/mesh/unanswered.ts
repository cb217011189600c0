import { BkgError } from '@bkg/sdk';
import type { PluginInfo, RegistryEntry } from '@bkg/sdk';

/**
 * What it means that nobody listens to a capability's subject, from what the registry says of the plugin.
 * @param unknownSince set while nobody vouches for the entry
 * @param mayRead whether the caller may see more of the plugin than what it invokes
 */
export function unanswered(
  id: string,
  capability: string,
  entry: RegistryEntry | undefined,
  unknownSince: PluginInfo['unknown_since'],
  mayRead: boolean,
): BkgError {
  if (!entry) return noSuchPlugin(id);
  const { status, capabilities } = entry;
  // One of which it is not known what it can do, as just after a restart of the supervisor, may well have it.
  const isKnown = status === 'running' && capabilities.length > 0;
  if (isKnown && !capabilities.some((one) => one.id === capability)) {
    const has = mayRead ? `; it has ${capabilities.map((one) => one.id).join(', ')}` : '';
    return new BkgError('CAPABILITY_NOT_FOUND', `${id} has no capability "${capability}"${has}.`);
  }
  const doubt = unknownSince ? ` (Last known state: the supervisor is silent since ${unknownSince}.)` : '';
  return new BkgError('PLUGIN_UNAVAILABLE', `${stateOf(entry, mayRead)}${doubt}`);
}

export function noSuchPlugin(id: string): BkgError {
  return new BkgError('PLUGIN_NOT_FOUND', `There is no plugin "${id}".`);
}

function stateOf({ id, status, error }: RegistryEntry, mayRead: boolean): string {
  switch (status) {
    case 'stopped':
      return `${id} is stopped; start it with POST /api/plugins/${id}/start.`;
    case 'starting':
      return `${id} is starting; try again in a moment.`;
    case 'stopping':
      return `${id} is stopping and takes no new invocations.`;
    case 'error':
      return `${id} has failed${error && mayRead ? `: ${error}` : '; its log says why.'}`;
    case 'running':
      return `${id} is running, but nobody answers: its instances are just coming or going. Try again in a moment.`;
  }
}
