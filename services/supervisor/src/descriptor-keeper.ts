import { isDeepStrictEqual } from 'node:util';
import type { Descriptor, Logger } from '@bkg/sdk';
import type { DesiredState } from './desired-state.ts';
import type { Plugin } from './plugin.ts';

export interface DescriptorKeeperOptions {
  desiredState: Pick<DesiredState, 'describe'>;
  log: Logger;
  onChange: (plugin: Plugin) => void;
}

/** Larger ones are shown while the plugin runs only. */
const mostBytes = 512 * 1024;

/** Keeps what managed plugins say of themselves with what is wanted of them, to be shown while they are stopped. */
export class DescriptorKeeper {
  readonly #options: DescriptorKeeperOptions;

  constructor(options: DescriptorKeeperOptions) {
    this.#options = options;
  }

  keep(plugin: Plugin, descriptor: Descriptor): void {
    // After the writes that are under way: each is made on the revision of the one before it.
    plugin.writing = (plugin.writing ?? Promise.resolve()).then(() => this.#write(plugin, descriptor));
  }

  async #write(plugin: Plugin, descriptor: Descriptor): Promise<void> {
    const { desiredState, log, onChange } = this.#options;
    const { desired } = plugin;
    if (!desired || isDeepStrictEqual(desired.config.value.descriptor, descriptor)) return;
    if (Buffer.byteLength(JSON.stringify(descriptor)) > mostBytes) {
      log.warn(
        { plugin_id: plugin.id },
        `what it says of itself has more than ${mostBytes} bytes, and is not kept`,
      );
      return;
    }
    try {
      plugin.desired = { ...desired, config: await desiredState.describe(desired.config, descriptor) };
    } catch (error) {
      // It is read again, and the next instance says the same.
      plugin.desired = undefined;
      log.warn({ error, plugin_id: plugin.id }, 'what it says of itself could not be kept');
    }
    onChange(plugin);
  }
}
