import { isDeepStrictEqual } from 'node:util';
import type { Logger } from '@bkg/sdk';
import { delay } from '@bkg/sdk/host';
import { UnreadableError } from './bucket.ts';
import type { DesiredState } from './desired-state.ts';
import type { Manifest } from './manifest.ts';
import type { Plugin } from './plugin.ts';
import type { PluginFolders } from './plugin-folders.ts';
import type { Plugins } from './plugins.ts';
import type { Timings } from './timings.ts';

export interface PluginInventoryOptions {
  folders: Pick<PluginFolders, 'scan'>;
  desiredState: Pick<DesiredState, 'load'>;
  plugins: Plugins;
  timings: Pick<Timings, 'scanEveryMs' | 'settleMs'>;
  log: Logger;
}

/** Keeps the known plugins equal to the folders that are there, and reads what is wanted of each. */
export class PluginInventory {
  readonly #options: PluginInventoryOptions;
  #unsettled = false;
  #saidFailure = false;

  constructor(options: PluginInventoryOptions) {
    this.#options = options;
  }

  /** Looks until nothing is being written any more, within reason: who asks us first shall find what is there. */
  async begin(signal: AbortSignal): Promise<void> {
    const { settleMs } = this.#options.timings;
    for (let i = 0; i < 8; i += 1) {
      await this.look();
      if (!this.#unsettled) return;
      await delay(settleMs / 2, signal);
    }
  }

  async look(): Promise<void> {
    const { folders, plugins, log } = this.#options;
    const { sources, unsettled } = await folders.scan();
    this.#unsettled = unsettled;
    for (const source of sources.values()) {
      const plugin = plugins.ensure(source.id);
      if (isDeepStrictEqual(plugin.source, source)) continue;
      if (source.problem) log.warn({ plugin_id: source.id, folder: source.folder }, source.problem);
      plugin.source = source;
      plugins.changed(source.id);
    }
    for (const plugin of plugins.all()) {
      if (plugin.source && !sources.has(plugin.id)) {
        plugin.source = undefined;
        plugins.changed(plugin.id);
      }
      if (!plugin.desired) await this.#load(plugin);
    }
  }

  async run(signal: AbortSignal): Promise<void> {
    const { timings } = this.#options;
    while (!signal.aborted) {
      const waitMs = this.#unsettled
        ? Math.min(timings.settleMs / 2, timings.scanEveryMs)
        : timings.scanEveryMs;
      // Its one failure is the signal's, which ends the loop.
      await delay(waitMs, signal).catch(() => undefined);
      if (!signal.aborted) await this.look();
    }
  }

  async #load(plugin: Plugin): Promise<void> {
    const { desiredState, plugins, log } = this.#options;
    if (!plugin.source && plugin.managed.size === 0) return;
    try {
      const desired = await desiredState.load(
        plugin.id,
        plugin.source?.manifest ?? manifestOfRunning(plugin),
      );
      this.#saidFailure = false;
      if (!desired) return;
      plugin.desired = desired;
      plugin.desiredProblem = undefined;
      plugins.changed(plugin.id);
    } catch (error) {
      if (error instanceof UnreadableError && plugin.desiredProblem !== error.message) {
        plugin.desiredProblem = error.message;
        plugins.changed(plugin.id);
      }
      // The broker is away, or somebody else has just written it: it is read again at the next look.
      if (!this.#saidFailure)
        log.warn({ error, plugin_id: plugin.id }, 'what is wanted cannot be read; trying again');
      this.#saidFailure = true;
    }
  }
}

/** Of an instance whose folder has gone and of which nothing is kept: it runs, so it is wanted. */
function manifestOfRunning({ id, managed }: Plugin): Manifest | undefined {
  const [instance] = managed.values();
  return instance && { id, version: instance.record.version, command: ['none'], autostart: true };
}
