import { isDeepStrictEqual } from 'node:util';
import type { Logger, Manifest, Rollout as Receipt } from '@bkg/sdk';
import { delay } from '@bkg/sdk/host';
import { UnreadableError } from './bucket.ts';
import { now } from './clock.ts';
import { configOf, followsManifest, isHalfSwapped, ofManifest } from './desired-state.ts';
import type { DesiredPlugin, DesiredState } from './desired-state.ts';
import { takeTurn } from './in-turn.ts';
import { firstConfig } from './manifest.ts';
import { MendingWatch } from './mending-watch.ts';
import { noSetback } from './plugin.ts';
import type { Plugin } from './plugin.ts';
import type { PluginFolders, PluginSource, Scan } from './plugin-folders.ts';
import type { Plugins } from './plugins.ts';
import type { Timings } from './timings.ts';

export interface PluginInventoryOptions {
  folders: Pick<PluginFolders, 'scan'>;
  desiredState: Pick<DesiredState, 'load' | 'configure' | 'takeBack' | 'keep'>;
  plugins: Plugins;
  timings: Pick<Timings, 'scanEveryMs' | 'settleMs'>;
  log: Logger;
}

/** Keeps the known plugins equal to the folders that are there, and reads what is wanted of each. */
export class PluginInventory {
  readonly #options: PluginInventoryOptions;
  readonly #mending: MendingWatch;
  #unsettled = false;
  /** What of a plugin cannot be read or written now, and was said. */
  readonly #failing = new WeakMap<Plugin, string>();

  constructor(options: PluginInventoryOptions) {
    this.#options = options;
    this.#mending = new MendingWatch(options.timings.settleMs);
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
    const { folders, plugins } = this.#options;
    const lookedAt = Date.now();
    const scan = await folders.scan();
    this.#unsettled = scan.unsettled;
    for (const source of scan.sources.values()) this.#find(source, scan);
    for (const plugin of plugins.all()) {
      if (!scan.sources.has(plugin.id)) this.#miss(plugin, scan);
      // Of several versions that come at once it would be chance which is wanted first.
      const isComing = scan.coming.has(plugin.id) && plugin.managed.size === 0;
      if (!plugin.desired && !isComing) await this.#load(plugin);
      else this.#follow(plugin);
      await this.#forgive(plugin, lookedAt);
    }
  }

  #find(first: PluginSource, scan: Scan): void {
    const { plugins, log } = this.#options;
    const plugin = plugins.ensure(first.id);
    const found = [first, ...(scan.others.get(first.id) ?? [])];
    const before = plugin.source;
    const after = plugin.sourceAmong(found) ?? first;
    const isLost = before !== undefined && !found.some(({ folder }) => folder === before.folder);
    const isHeir = isLost && plugin.sources.some(({ folder }) => folder === after.folder);
    if (isHeir && !this.#hasGone(plugin, scan)) return;
    plugin.missingSince = undefined;
    if (!plugin.isRemoved && isDeepStrictEqual(plugin.sources, found)) return;
    // Of what is found for the first time an earlier supervisor may have known why it stays down.
    const isAnother = before !== undefined || plugin.isRemoved;
    plugin.sources = found;
    plugin.isRemoved = false;
    if (!isDeepStrictEqual(before, after)) {
      if (after.problem) log.warn({ plugin_id: after.id, folder: after.folder }, after.problem);
      if (isAnother) plugin.setback = noSetback;
    }
    if (isHeir) this.#succeed(plugin, before, after.folder);
    plugins.changed(plugin.id);
  }

  /** What runs was launched from a folder that has gone, and could miss any file of it from now on. */
  #succeed(plugin: Plugin, before: PluginSource, after: string): void {
    const why = `its folder ${before.folder} has gone, and ${after}, which has the same id, takes its place`;
    this.#options.log.info({ plugin_id: plugin.id, folder: after }, `${plugin.id}: ${why}`);
    for (const instance of plugin.managed.values()) {
      if (instance.record.version !== before.version) continue;
      instance.obsolete = why;
      // Otherwise it is said when it is told to stop.
      if (plugin.problem) instance.note('warn', `${why}; it runs on, because that cannot be started`);
    }
  }

  /** Who has mended a plugin does not wait until it would be tried again. */
  async #forgive(plugin: Plugin, lookedAt: number): Promise<void> {
    const { plugins, log } = this.#options;
    if (!(await this.#mending.isMended(plugin, lookedAt))) return;
    plugin.setback = noSetback;
    log.info({ plugin_id: plugin.id }, `the folder of ${plugin.id} has changed since it failed`);
    plugins.changed(plugin.id);
  }

  /** Of a removed plugin nothing is left when its last instance has ended. */
  forgetRemoved(plugin: Plugin): void {
    if (plugin.isRemoved && plugin.managed.size === 0 && plugin.sightings.size === 0)
      this.#options.plugins.forget(plugin.id);
  }

  /** Its folder was not found. */
  #miss(plugin: Plugin, scan: Scan): void {
    const { plugins, log } = this.#options;
    if (plugin.isRemoved) return this.forgetRemoved(plugin);
    if (!plugin.source && plugin.managed.size === 0) return;
    if (!this.#hasGone(plugin, scan)) return;
    const folder = plugin.source?.folder;
    log.info({ plugin_id: plugin.id, folder }, `the folder of ${plugin.id} was removed`);
    plugin.sources = [];
    plugin.isRemoved = true;
    plugins.changed(plugin.id);
    this.forgetRemoved(plugin);
  }

  /**
   * A folder that is not found has gone when that stays so for a while: who replaces one takes the old one away before
   * the new one is there.
   */
  #hasGone(plugin: Plugin, { coming, isBlind }: Scan): boolean {
    if (isBlind || coming.has(plugin.id)) {
      plugin.missingSince = undefined;
      return false;
    }
    plugin.missingSince ??= now();
    if (now() - plugin.missingSince >= this.#options.timings.settleMs) return true;
    this.#unsettled = true;
    return false;
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

  /** Until somebody configures a plugin its configuration is that of its plugin.json. */
  #follow(plugin: Plugin): void {
    const { manifest } = plugin.source ?? {};
    // What a rollout leads to is not certain yet.
    if (plugin.rollout) return;
    if (!manifest || !differsFromManifest(plugin, manifest)) {
      this.#failing.delete(plugin);
      return;
    }
    void takeTurn(plugin, () => this.#write(plugin, manifest));
  }

  async #write(plugin: Plugin, manifest: Manifest): Promise<void> {
    const { desiredState, plugins } = this.#options;
    const { desired } = plugin;
    if (!desired || !differsFromManifest(plugin, manifest)) return;
    const why = 'plugin.json has changed';
    try {
      const next = firstConfig(manifest);
      const { version } = manifest;
      const config = await desiredState.configure(desired.config, next, { by: ofManifest, why, version });
      plugin.desired = { ...desired, config };
    } catch (error) {
      // It is read again, and compared again.
      plugin.desired = undefined;
      this.#sayFailure(plugin, `${why}; its configuration could not be written`, error);
    }
    plugins.changed(plugin.id);
  }

  /** What is wanted, where an earlier supervisor may have left a swap half done. */
  async #whole(plugin: Plugin, desired: DesiredPlugin): Promise<DesiredPlugin> {
    if (!isHalfSwapped(desired)) return desired;
    const { desiredState, log } = this.#options;
    log.warn({ plugin_id: plugin.id }, `a swap of ${plugin.id} was left half done: it is taken back`);
    const back = await desiredState.takeBack(plugin.id, desired);
    // What this supervisor has begun has its own receipt.
    if (!plugin.receipt) {
      plugin.receipt = receiptOfInterrupted(desired);
      await desiredState.keep(plugin.id, plugin.receipt);
    }
    return { ...desired, ...back };
  }

  async #load(plugin: Plugin): Promise<void> {
    const { desiredState, plugins } = this.#options;
    if (plugin.isRemoved || (!plugin.source && plugin.managed.size === 0)) return;
    try {
      const desired = await desiredState.load(
        plugin.id,
        plugin.source?.manifest ?? manifestOfRunning(plugin),
      );
      if (!desired) return;
      plugin.desired = plugin.rollout ? desired : await this.#whole(plugin, desired);
      plugin.receipt ??= desired.receipt;
      plugin.desiredProblem = undefined;
      plugins.changed(plugin.id);
    } catch (error) {
      if (error instanceof UnreadableError && plugin.desiredProblem !== error.message) {
        plugin.desiredProblem = error.message;
        plugins.changed(plugin.id);
      }
      // The broker is away, or somebody else has just written it: it is read again at the next look.
      this.#sayFailure(plugin, 'what is wanted cannot be read; trying again', error);
    }
  }

  /** Once, until it works again. */
  #sayFailure(plugin: Plugin, text: string, error: unknown): void {
    if (this.#failing.get(plugin) !== text) this.#options.log.warn({ error, plugin_id: plugin.id }, text);
    this.#failing.set(plugin, text);
  }
}

function differsFromManifest({ desired }: Plugin, manifest: Manifest): boolean {
  if (!desired || !followsManifest(desired.config.value)) return false;
  const { revision } = desired.config.value;
  return !isDeepStrictEqual(configOf(desired.config.value), { ...firstConfig(manifest), revision });
}

/** Of an instance whose folder has gone and of which nothing is kept: it runs, so it is wanted. */
function manifestOfRunning({ id, managed }: Plugin): Manifest | undefined {
  const [instance] = managed.values();
  return instance && { id, version: instance.record.version, command: ['none'], autostart: true };
}

/** Of a swap or rollback that an earlier supervisor has begun, as far as that is known. */
function receiptOfInterrupted({ config, run }: DesiredPlugin): Receipt {
  const { by, why, at, version = '', restores } = config.value;
  return {
    verb: restores === undefined ? 'swap' : 'rollback',
    state: 'failed',
    error: 'The supervisor ended before it was done: it was taken back.',
    by,
    why,
    from: run.value.version,
    to: version,
    started_at: at,
    duration_ms: Math.max(0, Date.now() - Date.parse(at)),
    instances: [],
    invocations: { answered: 0, failed: 0, lost: null },
    contract: { breaks: [], unknown: [] },
  };
}
