import { isDeepStrictEqual } from 'node:util';
import type { Descriptor, Logger } from '@bkg/sdk';
import type { DesiredState } from './desired-state.ts';
import { takeTurn } from './in-turn.ts';
import type { Plugin } from './plugin.ts';

export interface DescriptorKeeperOptions {
  desiredState: Pick<DesiredState, 'describe'>;
  log: Logger;
  onChange: (plugin: Plugin) => void;
}

/** Keeps what managed plugins say of themselves beside what is wanted of them, to be shown while they are stopped. */
export class DescriptorKeeper {
  readonly #options: DescriptorKeeperOptions;

  constructor(options: DescriptorKeeperOptions) {
    this.#options = options;
  }

  keep(plugin: Plugin, descriptor: Descriptor): void {
    // One after the other, so that the last is what is kept.
    void takeTurn(plugin, () => this.#write(plugin, descriptor));
  }

  async #write(plugin: Plugin, descriptor: Descriptor): Promise<void> {
    const { desiredState, log, onChange } = this.#options;
    const { desired } = plugin;
    if (!desired || isDeepStrictEqual(desired.descriptor, descriptor)) return;
    try {
      await desiredState.describe(plugin.id, descriptor);
    } catch (error) {
      // The next instance says the same, and it is tried again: only what is kept counts as known.
      log.warn({ error, plugin_id: plugin.id }, 'what it says of itself could not be kept');
      return;
    }
    if (plugin.desired) plugin.desired = { ...plugin.desired, descriptor };
    onChange(plugin);
  }
}
