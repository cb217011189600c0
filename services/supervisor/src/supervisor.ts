import { mkdirSync } from 'node:fs';
import { BkgError } from '@bkg/sdk';
import type {
  ConfigHistory,
  Connection,
  Credentials,
  Lease as LeaseValue,
  Logger,
  PluginInfo,
} from '@bkg/sdk';
import { delay, homePaths } from '@bkg/sdk/host';
import type { HomePaths } from '@bkg/sdk/host';
import type { Subscription } from '@nats-io/nats-core';
import { configHistory } from './config/config-history.ts';
import { Configuring } from './config/configure.ts';
import { Control } from './control.ts';
import { DescriptorKeeper } from './descriptor-keeper.ts';
import { DesiredState } from './desired-state.ts';
import { Discovery } from './discovery.ts';
import { watchDisk } from './disk-watch.ts';
import { EndedInstances } from './ended-instances.ts';
import { FailureStore } from './failure-store.ts';
import { fitList } from './fit-list.ts';
import { HeartbeatPace } from './heartbeat-pace.ts';
import { lockHome } from './home-lock.ts';
import { Introductions } from './introductions.ts';
import { probeMachine } from './isolation/machine.ts';
import type { Machine } from './isolation/machine.ts';
import { knownPlugin } from './known-plugin.ts';
import { keepLastOutput } from './last-words.ts';
import { Launcher } from './launcher.ts';
import { Lease } from './lease.ts';
import { LiveConfig } from './config/live-config.ts';
import { Liveness } from './liveness.ts';
import { RecentLogs } from './logs/recent-logs.ts';
import type { ManagedInstance } from './managed-instance.ts';
import type { Plugin } from './plugin.ts';
import { PluginFolders } from './plugin-folders.ts';
import { PluginInventory } from './plugin-inventory.ts';
import { PluginLogs } from './plugin-logs.ts';
import type { LogAnswer } from './plugin-logs.ts';
import { Plugins } from './plugins.ts';
import { tailOutput } from './logs/tail-output.ts';
import { Questions } from './questions.ts';
import { ReconcileLoop } from './reconcile-loop.ts';
import { RegistryBucket } from './registry-bucket.ts';
import { RolloutOrders } from './rollout/rollout-orders.ts';
import { Rollouts } from './rollout/rollouts.ts';
import { Sightings } from './sightings.ts';
import { standInForAbsent } from './stand-in.ts';
import { StatsPoll } from './stats-poll.ts';
import { defaultTimings } from './timings.ts';
import type { Timings } from './timings.ts';
import { Trials } from './rollout/trials.ts';
import type { Verdict } from './verdict.ts';

export interface SupervisorOptions {
  /** Stays open: it is the owner's. */
  connection: Connection;
  /** What plugins show to the broker. */
  credentials: Credentials;
  /** The broker as plugins are told it: one address or several, with commas. */
  natsUrl: string;
  /** BKG_HOME, absolute. */
  home: string;
  /** Each subfolder with a plugin.json is a plugin; the earlier of these come first. Absolute. */
  pluginFolders: readonly string[];
  /** The Node that `node` in a manifest means. @default the one that runs this */
  node?: string;
  log: Logger;
  timings?: Partial<Timings>;
  /** What the machine can do to keep plugins within their limits. @default it is found out at the start, by trials */
  machine?: Machine;
  /** Another supervisor acts from now on: this one has stopped acting, and is to be ended. */
  onLost?: (holder: LeaseValue) => void;
}

/** Room for headers and the frame of an answer in the largest message. */
const spareBytes = 64 * 1024;
/** What a plugin says of itself: an entry of the registry has its configuration and its instances as well. */
const descriptorMostBytes = 384 * 1024;

export function createSupervisor(options: SupervisorOptions): Supervisor {
  return new Supervisor(options);
}

/** Turns what is wanted into running plugins, and knows what there is. Here the parts are put together. */
export class Supervisor {
  readonly control: Control;
  readonly configuring: Configuring;
  readonly rolloutOrders: RolloutOrders;
  readonly #options: SupervisorOptions;
  readonly #timings: Timings;
  readonly #home: HomePaths;
  readonly #plugins = new Plugins((id, sandbox) => this.#machine?.isolationOf(sandbox, id));
  readonly #desiredState: DesiredState;
  readonly #ended = new EndedInstances();
  readonly #ending = new AbortController();
  readonly #logs: PluginLogs;
  readonly #lease: Lease;
  readonly #loop: ReconcileLoop;
  readonly #launcher: Launcher;
  readonly #sightings: Sightings;
  readonly #discovery: Discovery;
  readonly #liveness: Liveness;
  readonly #statsPoll: StatsPoll;
  readonly #registry: RegistryBucket;
  readonly #inventory: PluginInventory;
  readonly #failures: FailureStore;
  readonly #pace: HeartbeatPace;
  #machine: Machine | undefined;
  #subscriptions: Subscription[] = [];
  #unlock: () => void = () => undefined;
  #unfollow: () => void = () => undefined;

  constructor(options: SupervisorOptions) {
    const { connection, credentials, natsUrl, log } = options;
    const { signal } = this.#ending;
    const timings = { ...defaultTimings, ...options.timings };
    const plugins = this.#plugins;
    const home = homePaths(options.home);
    const desiredState = new DesiredState(connection);
    this.#desiredState = desiredState;
    const recentLogs = new RecentLogs((id, instance) => plugins.get(id)?.sightings.has(instance) ?? false);
    const questions = new Questions(connection, timings.answerMs, signal);
    const tellChange = ({ id }: Plugin): void => plugins.changed(id);
    this.#failures = new FailureStore(home.run, log);
    this.#pace = new HeartbeatPace({ connection, plugins, timings, signal });
    this.#options = options;
    this.#timings = timings;
    this.#home = home;
    this.#lease = new Lease({ connection, log, timings, onLost: (holder) => this.#lose(holder) });
    this.#launcher = new Launcher({
      home,
      connection,
      credentials,
      natsUrl,
      node: options.node ?? process.execPath,
      machine: () => this.#assertMachine(),
      heartbeatMs: () => this.#pace.everyMs,
      timings,
      log,
      onChange: tellChange,
      onEnd: (plugin, instance, verdict) => this.#bury(plugin, instance, verdict),
    });
    this.#loop = new ReconcileLoop({
      plugins,
      launcher: this.#launcher,
      lease: this.#lease,
      trials: new Trials({ connection, plugins, timings, signal }),
      liveConfig: new LiveConfig({ connection, plugins, timings, signal }),
      natsUrl,
      timings,
      log,
    });
    const keeper = new DescriptorKeeper({ desiredState, log, onChange: tellChange });
    this.#sightings = new Sightings({
      plugins,
      questions,
      descriptorMostBytes: () =>
        Math.min(descriptorMostBytes, Math.floor(connection.maxPayloadBytes * 0.375)),
      onTooMuch: (id, instance, text) => this.#warn(recentLogs, id, instance, text),
      onDescriptor: (plugin, descriptor) => keeper.keep(plugin, descriptor),
    });
    const sightings = this.#sightings;
    const hasEnded = (instance: string): boolean => this.#ended.has(instance);
    const introductions = new Introductions({
      plugins,
      sightings,
      questions,
      hasEnded,
      firstMs: timings.pingLeastMs,
    });
    const senses = { connection, plugins, sightings, recentLogs, timings, signal };
    this.#discovery = new Discovery({ ...senses, introductions, log, hasEnded });
    this.#statsPoll = new StatsPoll({
      ...senses,
      log,
      onStranger: (id, instance) => void introductions.meet(id, instance),
      usageOf: (plugin, instance) => plugin.managed.get(instance)?.sampleUsage(),
    });
    this.#liveness = new Liveness({ ...senses, questions, pollEveryMs: () => this.#statsPoll.everyMs });
    const isKnown = (id: string): boolean => plugins.get(id) !== undefined;
    this.#registry = new RegistryBucket({
      connection,
      log,
      entryOf: (id) => plugins.get(id)?.entry(this.#loop.mayRun),
      isKnown,
      everyMs: timings.registryEveryMs,
    });
    const folders = new PluginFolders({
      parents: options.pluginFolders,
      settleMs: timings.settleMs,
      patienceMs: timings.patienceMs,
      log,
      isRunning: (id) => (plugins.get(id)?.managed.size ?? 0) > 0,
    });
    this.#inventory = new PluginInventory({ folders, desiredState, plugins, timings, log });
    this.#logs = new PluginLogs({ folder: home.logs, recentLogs, isKnown });
    const parts = { plugins, desiredState, loop: this.#loop, lease: this.#lease, logs: this.#logs, timings };
    const rollouts = new Rollouts({ ...parts, connection, questions, log, signal });
    this.rolloutOrders = new RolloutOrders({ ...parts, rollouts });
    this.configuring = new Configuring({ ...parts, rollouts });
    this.control = new Control({ ...parts, rolloutOrders: this.rolloutOrders });
  }

  /**
   * Waits until no other supervisor acts, takes over what an earlier one has left, and acts until `stop`.
   * @throws the reason of `signal` when that aborts before
   */
  async start(signal: AbortSignal = this.#ending.signal): Promise<void> {
    const { connection, log } = this.#options;
    const { run, logs, data, models, hub } = this.#home;
    // Also those that plugins read: a sandbox opens what is there when it is made.
    for (const folder of [run, logs, data, models, hub]) mkdirSync(folder, { recursive: true });
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
    if (!this.#loop.mayRun) this.#failures.forgetAll();
    await this.#lease.release();
    this.#unlock();
    this.#unlock = () => undefined;
  }

  list(): PluginInfo[] {
    const mostBytes = this.#options.connection.maxPayloadBytes - spareBytes;
    return fitList(
      this.#plugins.all().map((plugin) => plugin.info(this.#loop.mayRun)),
      mostBytes,
    );
  }

  /** @throws BkgError PLUGIN_NOT_FOUND */
  get(id: string): PluginInfo {
    const plugin = this.#plugins.get(id);
    if (!plugin) throw new BkgError('PLUGIN_NOT_FOUND', `There is no plugin "${id.slice(0, 64)}".`);
    return plugin.info(this.#loop.mayRun);
  }

  /** @param query a HistoryQuery @throws BkgError INVALID_PAYLOAD, PLUGIN_NOT_FOUND, PLUGIN_UNAVAILABLE */
  async history(id: string, query: unknown): Promise<ConfigHistory> {
    knownPlugin(this.#plugins, id);
    const mostBytes = this.#options.connection.maxPayloadBytes - spareBytes;
    return configHistory(this.#desiredState, id, query, mostBytes);
  }

  /** @param query a LogQuery @throws BkgError INVALID_PAYLOAD, PLUGIN_NOT_FOUND */
  async logs(id: string, query: unknown): Promise<LogAnswer> {
    return this.#logs.answer(id, query, this.#options.connection.maxPayloadBytes - spareBytes);
  }

  async #begin(): Promise<void> {
    const { connection } = this.#options;
    const { signal } = this.#ending;
    const plugins = this.#plugins;
    void this.#lease.run();
    this.#machine =
      this.#options.machine ??
      (await probeMachine({
        home: this.#home,
        node: this.#options.node ?? process.execPath,
        log: this.#options.log,
        signal,
      }));
    this.#failures.load(plugins);
    await this.#launcher.adopt((id) => plugins.ensure(id));
    await this.#inventory.begin(signal);
    plugins.onChange((id) => {
      const plugin = plugins.get(id);
      if (plugin) this.#failures.keep(plugin);
      else this.#failures.forget(id);
      this.#registry.changed(id);
      this.#loop.kick();
    });
    const standIns = standInForAbsent({ connection, plugins, mayRun: () => this.#loop.mayRun });
    this.#subscriptions = [...this.#discovery.start(), ...standIns];
    for (const { id } of plugins.all()) plugins.changed(id);
    this.#loop.pass();
    void this.#liveness.run();
    void this.#statsPoll.run();
    void this.#inventory.run(signal);
    void this.#pace.run();
    void watchDisk({
      folder: this.#home.home,
      log: this.#options.log,
      everyMs: this.#timings.diskEveryMs,
      signal,
    });
    void tailOutput({
      instances: () => this.#instances(),
      everyMs: this.#timings.tailEveryMs,
      log: this.#options.log,
      signal,
    });
    void this.#tidy();
  }

  #quit(): void {
    if (this.#ending.signal.aborted) return;
    this.#ending.abort(new Error('the supervisor ends'));
    this.#unfollow();
    this.#loop.close();
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
    this.#registry.close();
    this.#lease.close();
    for (const instance of this.#instances()) instance.letGo();
  }

  #lose(holder: LeaseValue): void {
    this.#quit();
    this.#options.onLost?.(holder);
  }

  /** An instance has ended. @returns what becomes of the plugin now, as the end of a sentence */
  #bury(plugin: Plugin, instance: ManagedInstance, verdict: Verdict): string {
    this.#ended.add(instance.id);
    plugin.managed.delete(instance.id);
    plugin.sightings.delete(instance.id);
    const consequence = this.#loop.ended(plugin, instance, verdict);
    this.#options.log[verdict.status === 'error' ? 'warn' : 'info'](
      { plugin_id: plugin.id, instance: instance.id },
      `${plugin.id} ${verdict.text}${consequence && `; ${consequence}`}`,
    );
    this.#plugins.changed(plugin.id);
    this.#inventory.forgetRemoved(plugin);
    // Its log is whole only when we have returned.
    if (verdict.status === 'error')
      void keepLastOutput({
        plugin,
        instance: instance.id,
        logs: this.#logs,
        plugins: this.#plugins,
        log: this.#options.log,
      });
    return consequence;
  }

  #assertMachine(): Machine {
    if (!this.#machine) throw new Error('the supervisor has not begun');
    return this.#machine;
  }

  /** The broker is back; it may have been started anew. */
  #comeBack(): void {
    this.#sightings.forgive();
    void this.#lease.renew().then(() => this.#loop.kick());
    this.#registry.writeAll();
  }

  /** Says something of an instance in its log, whoever has started it. */
  #warn(recentLogs: RecentLogs, id: string, instance: string, text: string): void {
    this.#options.log.warn({ plugin_id: id, instance }, text);
    const managed = this.#plugins.get(id)?.managed.get(instance);
    if (managed) return managed.note('warn', text);
    const record = { time: new Date().toISOString(), level: 'warn', message: text, by: 'supervisor' };
    recentLogs.hear(id, instance, record, Buffer.byteLength(text));
  }

  /** First when everybody has been heard who is there. */
  async #tidy(): Promise<void> {
    const { signal } = this.#ending;
    const { heartbeatMs, tidyEveryMs } = this.#timings;
    for (let waitMs = heartbeatMs * 3; !signal.aborted; waitMs = tidyEveryMs) {
      // Its one failure is the signal's, which ends the loop.
      await delay(waitMs, signal).catch(() => undefined);
      if (!signal.aborted) await this.#registry.tidy();
    }
  }

  #instances(): ManagedInstance[] {
    return this.#plugins.all().flatMap((plugin) => [...plugin.managed.values()]);
  }
}
