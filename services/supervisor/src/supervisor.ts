import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { BkgError, isPluginId } from '@bkg/sdk';
import type { Connection, Credentials, Lease as LeaseValue, Logger, LogRecord, PluginInfo } from '@bkg/sdk';
import { delay, homePaths } from '@bkg/sdk/host';
import type { HomePaths } from '@bkg/sdk/host';
import type { Subscription } from '@nats-io/nats-core';
import { Control } from './control.ts';
import { DescriptorKeeper } from './descriptor-keeper.ts';
import { DesiredState } from './desired-state.ts';
import { Discovery } from './discovery.ts';
import { EndedInstances } from './ended-instances.ts';
import { lockHome } from './home-lock.ts';
import { Launcher } from './launcher.ts';
import { Lease } from './lease.ts';
import { listLogs } from './logs/log-file.ts';
import { fits, readLogQuery } from './logs/log-query.ts';
import { newest, readLogs } from './logs/log-reader.ts';
import { RecentLogs } from './logs/recent-logs.ts';
import { PluginFolders } from './plugin-folders.ts';
import { PluginInventory } from './plugin-inventory.ts';
import { Plugins } from './plugins.ts';
import { ReconcileLoop } from './reconcile-loop.ts';
import { RegistryBucket } from './registry-bucket.ts';
import { standInForAbsent } from './stand-in.ts';
import { defaultTimings } from './timings.ts';
import type { Timings } from './timings.ts';

export interface SupervisorOptions {
  /** Stays open: it is the owner's. */
  connection: Connection;
  /** What plugins show to the broker. */
  credentials: Credentials;
  /** The broker as plugins are told it: one address or several, with commas. */
  natsUrl: string;
  /** BKG_HOME, absolute. */
  home: string;
  /** Each subfolder with a plugin.json is a plugin. */
  pluginFolders: readonly string[];
  /** The Node that `node` in a manifest means. @default the one that runs this */
  node?: string;
  log: Logger;
  timings?: Partial<Timings>;
  /** Another supervisor acts from now on: this one has stopped acting, and is to be ended. */
  onLost?: (holder: LeaseValue) => void;
}

/** Room for headers and the frame of an answer in the largest message. */
const spareBytes = 64 * 1024;

export function createSupervisor(options: SupervisorOptions): Supervisor {
  return new Supervisor(options);
}

/** Turns what is wanted into running plugins, and knows what there is. */
export class Supervisor {
  readonly control: Control;
  readonly #options: SupervisorOptions;
  readonly #timings: Timings;
  readonly #home: HomePaths;
  readonly #plugins = new Plugins();
  readonly #recentLogs = new RecentLogs();
  readonly #ended = new EndedInstances();
  readonly #ending = new AbortController();
  readonly #lease: Lease;
  readonly #loop: ReconcileLoop;
  readonly #launcher: Launcher;
  readonly #discovery: Discovery;
  readonly #registry: RegistryBucket;
  readonly #inventory: PluginInventory;
  #subscriptions: Subscription[] = [];
  #unlock: () => void = () => undefined;
  #unfollow: () => void = () => undefined;

  constructor(options: SupervisorOptions) {
    const { connection, natsUrl, log, onLost } = options;
    const timings = { ...defaultTimings, ...options.timings };
    const plugins = this.#plugins;
    this.#options = options;
    this.#timings = timings;
    this.#home = homePaths(options.home);
    const desiredState = new DesiredState(connection);
    this.#lease = new Lease({
      connection,
      log,
      timings,
      onLost: (holder) => {
        this.#quit();
        onLost?.(holder);
      },
    });
    this.#launcher = new Launcher({
      home: this.#home,
      connection,
      credentials: options.credentials,
      natsUrl,
      node: options.node ?? process.execPath,
      timings,
      log,
      onChange: ({ id }) => plugins.changed(id),
      onEnd: (plugin, instance, verdict) => {
        this.#ended.add(instance.id);
        plugin.managed.delete(instance.id);
        plugin.sightings.delete(instance.id);
        const consequence = this.#loop.ended(plugin, instance, verdict);
        log[verdict.status === 'error' ? 'warn' : 'info'](
          { plugin_id: plugin.id, instance: instance.id },
          `${plugin.id} ${verdict.text}${consequence && `; ${consequence}`}`,
        );
        plugins.changed(plugin.id);
        return consequence;
      },
    });
    this.#loop = new ReconcileLoop({ plugins, launcher: this.#launcher, lease: this.#lease, natsUrl, timings, log });
    const keeper = new DescriptorKeeper({ desiredState, log, onChange: ({ id }) => plugins.changed(id) });
    this.#discovery = new Discovery({
      connection,
      plugins,
      recentLogs: this.#recentLogs,
      log,
      timings,
      hasEnded: (instance) => this.#ended.has(instance),
      onDescriptor: (plugin, descriptor) => keeper.keep(plugin, descriptor),
    });
    this.#registry = new RegistryBucket({
      connection,
      log,
      entryOf: (id) => plugins.get(id)?.entry(this.#loop.mayRun),
      everyMs: timings.registryEveryMs,
    });
    this.#inventory = new PluginInventory({
      folders: new PluginFolders({ parents: options.pluginFolders, settleMs: timings.settleMs, log }),
      desiredState,
      plugins,
      timings,
      log,
    });
    this.control = new Control({
      plugins,
      desiredState,
      loop: this.#loop,
      lease: this.#lease,
      logsFolder: this.#home.logs,
      timings,
    });
  }

  /**
   * Waits until no other supervisor acts, takes over what an earlier one has left, and acts until `stop`.
   * @throws the reason of `signal` when that aborts before
   */
  async start(signal: AbortSignal = this.#ending.signal): Promise<void> {
    const { connection, log } = this.#options;
    for (const folder of [this.#home.run, this.#home.logs, this.#home.data]) mkdirSync(folder, { recursive: true });
    this.#unlock = await lockHome(this.#home.run, log, signal);
    try {
      await this.#lease.acquire(signal);
      await this.#begin();
    } catch (error) {
      await this.stop();
      throw error;
    }
    this.#unfollow = connection.onStatus((connected) => {
      if (connected) this.#comeBack();
    });
  }

  /** Ends, and leaves the plugins running. */
  async stop(): Promise<void> {
    this.#quit();
    await this.#lease.release();
    this.#unlock();
    this.#unlock = () => undefined;
  }

  list(): PluginInfo[] {
    return this.#plugins.all().map((plugin) => plugin.info(this.#loop.mayRun));
  }

  /** @throws BkgError PLUGIN_NOT_FOUND */
  get(id: string): PluginInfo {
    const plugin = this.#plugins.get(id);
    if (!plugin) throw new BkgError('PLUGIN_NOT_FOUND', `There is no plugin "${id.slice(0, 64)}".`);
    return plugin.info(this.#loop.mayRun);
  }

  /**
   * The log of a plugin over its instances, those that have ended included; the newest last.
   * @param body a LogQuery
   * @throws BkgError INVALID_PAYLOAD, PLUGIN_NOT_FOUND
   */
  async logs(id: string, body: unknown): Promise<{ lines: LogRecord[]; truncated?: true }> {
    const filter = readLogQuery(body, Date.now());
    const files = isPluginId(id) ? listLogs(path.join(this.#home.logs, id)) : [];
    // The log of a plugin whose folder has gone is still its log.
    if (files.length === 0) this.get(id);
    const mostBytes = Math.max(spareBytes, this.#options.connection.maxPayloadBytes - spareBytes);
    const kept = await readLogs(files, filter, mostBytes);
    const recent = this.#recentLogs.of(id).filter((record) => fits(record, filter));
    const { records, isCut } = newest([...kept.records, ...recent], filter.lines, mostBytes);
    return { lines: records, ...((isCut || kept.isCut) && { truncated: true }) };
  }

  async #begin(): Promise<void> {
    const { connection } = this.#options;
    void this.#lease.run();
    await this.#launcher.adopt((id) => this.#plugins.ensure(id));
    await this.#inventory.begin(this.#ending.signal);
    this.#plugins.onChange((id) => {
      this.#registry.changed(id);
      this.#loop.kick();
    });
    this.#discovery.start();
    this.#subscriptions = standInForAbsent({
      connection,
      plugins: this.#plugins,
      mayRun: () => this.#loop.mayRun,
    });
    for (const { id } of this.#plugins.all()) this.#plugins.changed(id);
    this.#loop.pass();
    void this.#inventory.run(this.#ending.signal);
    void this.#tail();
    void this.#tidy();
  }

  #quit(): void {
    if (this.#ending.signal.aborted) return;
    this.#ending.abort(new Error('the supervisor ends'));
    this.#unfollow();
    this.#loop.close();
    this.#discovery.close();
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
    this.#registry.close();
    this.#lease.close();
    for (const plugin of this.#plugins.all()) for (const instance of plugin.managed.values()) instance.letGo();
  }

  /** The broker is back; it may have been started anew. */
  #comeBack(): void {
    this.#discovery.forgive();
    void this.#lease.renew().then(() => this.#loop.kick());
    this.#registry.writeAll();
  }

  /** Reads captured output as it grows. */
  async #tail(): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      const instances = this.#plugins.all().flatMap((plugin) => [...plugin.managed.values()]);
      const more = instances.map((instance) => instance.pump());
      if (more.includes(true)) await setImmediate();
      // Its one failure is the signal's, which ends the loop.
      else await delay(this.#timings.tailEveryMs, signal).catch(() => undefined);
    }
  }

  /** Once everybody has been heard who is there. */
  async #tidy(): Promise<void> {
    const { signal } = this.#ending;
    await delay(this.#timings.heartbeatMs * 3, signal).catch(() => undefined);
    if (!signal.aborted) await this.#registry.removeUnknown();
  }
}
