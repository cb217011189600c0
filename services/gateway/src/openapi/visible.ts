import type { RegistryEntry } from '@bkg/sdk';
import { accessPlugin } from '@bkg/sdk';
import type { Caller } from '../access/caller.ts';
import type { Visible } from './live-document.ts';

/** Which capabilities somebody is shown: those that it may invoke, and those of plugins that it may read. */
export function visibleTo(caller: Caller): Visible {
  return (plugin, capability) =>
    caller.allows({ verb: 'read', plugin }) ||
    (plugin !== accessPlugin && caller.allows({ verb: 'invoke', plugin, capability }));
}

/** Whether that is every one that there is. */
export function seesAll(caller: Caller): boolean {
  return caller.readable() === undefined;
}

/** What of a plugin somebody is shown; undefined for nothing. */
export function visiblePart(caller: Caller, entry: RegistryEntry): RegistryEntry | undefined {
  if (caller.allows({ verb: 'read', plugin: entry.id })) return entry;
  const isVisible = visibleTo(caller);
  const capabilities = entry.capabilities.filter(({ id }) => isVisible(entry.id, id));
  if (capabilities.length === 0) return undefined;
  const { error, ...seen } = entry;
  // As it is, what was made of it can be used again.
  if (error === undefined && capabilities.length === entry.capabilities.length) return entry;
  return { ...seen, capabilities };
}
