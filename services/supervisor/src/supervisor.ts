import { mkdirSync } from 'node:fs';
import type { AuditEvent, Connection, Credentials, Lease as LeaseValue, Logger } from '@bkg/sdk';
import { AuditWriter } from '@bkg/sdk/access';
import { homePaths } from '@bkg/sdk/host';
import type { HomePaths } from '@bkg/sdk/host';
import type { Subscription } from '@nats-io/nats-core';
import { Access } from './access/access.ts';
import { createKeyCheck } from './access/key-check.ts';
import type { KeyCheck } from './access/key-check.ts';
import { Answers } from './answers.ts';
import { AuditReader } from './audit/audit-reader.ts';
import { AuditStream } from './audit/audit-stream.ts';
import { Orders } from './audit/orders.ts';
import { Configuring } from './config/configure.ts';
import { Control } from './control.ts';
import { DesiredState } from './desired-state.ts';
import { watchDisk } from './disk-watch.ts';
import { EndedInstances } from './ended-instances.ts';
import { FailureStore } from './failure-store.ts';
import { HeartbeatPace } from './heartbeat-pace.ts';
import { lockHome } from './home-lock.ts';
import { hasRecord } from './instance-record.ts';
import { probeMachine } from './isolation/machine.ts';
import type { Machine } from './isolation/machine.ts';
import { keepLastOutput } from './last-words.ts';
import { Launcher } from './launcher.ts';
import { Lease } from './lease.ts';
import { LiveConfig } from './config/live-config.ts';
import type { ManagedInstance } from './managed-instance.ts';
import type { Plugin } from './plugin.ts';
import { PluginFolders } from './plugin-folders.ts';
import { PluginInventory } from './plugin-inventory.ts';
import { PluginLogs } from './plugin-logs.ts';
import { Plugins } from './plugins.ts';
import { tailOutput } from './logs/tail-output.ts';
import { ReconcileLoop } from './reconcile-loop.ts';
import { RegistryBucket } from './registry-bucket.ts';
import { RolloutOrders } from './rollout/rollout-orders.ts';
import { Rollouts } from './rollout/rollouts.ts';
import { Senses } from './senses.ts';
import { standInForAbsent } from './stand-in.ts';
import { defaultTimings } from './timings.ts';
import type { Timings } from './timings.ts';
import { Trials } from './rollout/trials.ts';
import type { Verdict } from './verdict.ts';

export interface SupervisorOptions {
  /** Stays open: it is the owner's. */
  connection: Connection;
  /** What we show to the broker. With `callout` we say who may connect, and plugins show tokens of ours; else the same. */
  credentials: Credentials;
  /** The broker as plugins are told it: one address or several, with commas. */
  natsUrl: string;
  /** BKG_HOME, absolute. */
  home: string;
  /** Each subfolder with a plugin.json is a plugin; the earlier of these come first. Absolute. */
  pluginFolders: readonly string[];
  /** The one of them where bkg's own plugins lie. */
  ownPluginFolder?: string;
  /** Whose an API key is. @default the plugin apikeys is asked */
  keys?: KeyCheck;
  /** Is told of who was refused by the broker. @default it is written into the audit */
  audit?: (event: Omit<AuditEvent, 'time'>) => void;
  /** The Node that `node` in a manifest means. @default the one that runs this */
  node?: string;
  log: Logger;
  timings?: Partial<Timings>;
  /** What the machine can do to keep plugins within their limits. @default it is found out at the start, by trials */
  machine?: Machine;
  /** The broker lets everybody publish only what is theirs: what is an admin's is refused where it does not say who asks. @default false */
  vouchedOnly?: boolean;
  /** Another supervisor acts from now on: this one has stopped acting, and is to be ended. */
  onLost?: (holder: LeaseValue) => void;
}

export function createSupervisor(options: SupervisorOptions): Supervisor {
  return new Supervisor(options);
}

/** Turns what is wanted into running plugins, and knows what there is. Here the parts are put together. */
export class Supervisor {
  readonly control: Control;
  readonly configuring: Configuring;
  readonly rolloutOrders: RolloutOrders;
  readonly answers: Answers;
  readonly orders: Orders;
  readonly auditReader: AuditReader;
  readonly #audit: AuditWriter;
  readonly #auditStream: AuditStream;
  readonly #options: SupervisorOptions;
  readonly #timings: Timings;
  readonly #home: HomePaths;
  readonly #plugins = new Plugins((id, sandbox) => this.#machine?.isolationOf(sandbox, id));
  readonly #ended = new EndedInstances();
  readonly #ending = new AbortController();
  readonly #logs: PluginLogs;
  readonly #access: Access;
  readonly #lease: Lease;
  readonly #loop: ReconcileLoop;
  readonly #launcher: Launcher;
  readonly #senses: Senses;
  readonly #registry: RegistryBucket;
  readonly #inventory: PluginInventory;
  readonly #failures: FailureStore;
  readonly #pace: HeartbeatPace;
  #machine: Machine | undefined;
  /** What an earlier supervisor has left is taken over: until then its records tell what there is. */
  #hasAdopted = false;
  #subscriptions: Subscription[] = [];
  #unlock: () => void = () => undefined;
  #unfollow: () => void = () => undefined;
  #unlisten: () => void = () => undefined;
  #closed: Promise<void> | undefined;

  constructor(options: SupervisorOptions) {
    const { connection, credentials, natsUrl, log, ownPluginFolder } = options;
    const { signal } = this.#ending;
    const timings = { ...defaultTimings, ...options.timings };
    const plugins = this.#plugins;
    const home = homePaths(options.home);
    const desiredState = new DesiredState(connection);
    this.#senses = new Senses({
      connection,
      plugins,
      desiredState,
      hasEnded: (instance) => this.#ended.has(instance),
      timings,
      log,
      signal,
    });
    const { questions, recentLogs } = this.#senses;
    this.#failures = new FailureStore(home.run, log);
    this.#pace = new HeartbeatPace({ connection, plugins, timings, signal });
    this.#options = options;
    this.#timings = timings;
    this.#home = home;
    this.#audit = new AuditWriter({ asker: connection, log });
    this.#access = new Access({
      connection,
      natsUrl,
      credentials,
      isWanted: (instance, plugin) => this.#isWanted(instance, plugin),
      keys: options.keys ?? createKeyCheck(connection),
      audit: options.audit ?? ((event) => this.#audit.write(event)),
      log,
      signal,
    });
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
      onChange: ({ id }) => plugins.changed(id),
      keepOutput: (plugin, instance) => this.#keepOutput(plugin, instance),
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
    const isKnown = (id: string): boolean => plugins.get(id) !== undefined;
    this.#registry = new RegistryBucket({
      connection,
      log,
      entryOf: (id) => plugins.get(id)?.entry(this.#loop.mayRun),
      isKnown,
      mayWrite: () => this.#lease.isHeld,
      everyMs: timings.registryEveryMs,
    });
    const folders = new PluginFolders({
      parents: options.pluginFolders,
      ...(ownPluginFolder !== undefined && { ownParent: ownPluginFolder }),
      settleMs: timings.settleMs,
      patienceMs: timings.patienceMs,
      log,
      isRunning: (id) => (plugins.get(id)?.managed.size ?? 0) > 0,
    });
    this.#inventory = new PluginInventory({ folders, desiredState, plugins, timings, log });
    this.#logs = new PluginLogs({ folder: home.logs, recentLogs, isKnown });
    const mayRun = (): boolean => this.#loop.mayRun;
    this.answers = new Answers({ connection, plugins, desiredState, logs: this.#logs, mayRun });
    const parts = { plugins, desiredState, loop: this.#loop, lease: this.#lease, logs: this.#logs, timings };
    const rollouts = new Rollouts({ ...parts, connection, questions, log, signal });
    this.rolloutOrders = new RolloutOrders({ ...parts, rollouts });
    this.configuring = new Configuring({ ...parts, rollouts });
    this.control = new Control({ ...parts, rolloutOrders: this.rolloutOrders });
    this.#auditStream = new AuditStream({ connection, log });
    this.auditReader = new AuditReader({ connection, stream: this.#auditStream, log });
    this.orders = new Orders({ audit: this.#audit, vouchedOnly: options.vouchedOnly ?? false });
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
      await this.#begin(signal);
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
    // Those that were adopted after the order to end.
    for (const instance of this.#instances()) instance.letGo();
    if (!this.#loop.mayRun) this.#failures.forgetAll();
    await this.#closed;
    await this.#audit.close();
    await this.#lease.release();
    this.#unlock();
    this.#unlock = () => undefined;
  }

  /** @throws the reason of a signal that aborts before it acts */
  async #begin(stop: AbortSignal): Promise<void> {
    const { connection, log } = this.#options;
    const { signal } = this.#ending;
    const isUnwanted = AbortSignal.any([stop, signal]);
    const plugins = this.#plugins;
    void this.#lease.run();
    // Before all that takes time: plugins that run may be waiting to be let in again.
    this.#access.serve();
    this.#machine = this.#options.machine ?? (await this.#probe(isUnwanted));
    isUnwanted.throwIfAborted();
    this.#failures.load(plugins);
    await this.#launcher.adopt((id) => plugins.ensure(id));
    this.#hasAdopted = true;
    void this.#access.sweep();
    isUnwanted.throwIfAborted();
    await this.#inventory.begin(isUnwanted);
    isUnwanted.throwIfAborted();
    this.#unlisten = plugins.onChange((id) => {
      const plugin = plugins.get(id);
      if (plugin) this.#failures.keep(plugin);
      else this.#failures.forget(id);
      this.#registry.changed(id);
      this.#loop.kick();
    });
    const standIns = standInForAbsent({ connection, plugins, mayRun: () => this.#loop.mayRun });
    this.#subscriptions = [...this.#senses.listen(), ...standIns];
    for (const { id } of plugins.all()) plugins.changed(id);
    this.#loop.pass();
    this.#senses.run();
    void this.#inventory.run(signal);
    void this.#pace.run();
    void this.#auditStream.keep(signal);
    const { diskEveryMs, tailEveryMs, tidyFirstMs, tidyEveryMs } = this.#timings;
    void watchDisk({ folder: this.#home.home, log, everyMs: diskEveryMs, signal });
    void tailOutput({ instances: () => this.#instances(), everyMs: tailEveryMs, log, signal });
    // First when everybody has been heard who is there: an earlier supervisor may have told those whom nobody manages to
    // beat as rarely as can be, and of a large mesh one question who is there gets to know a few hundred.
    void this.#registry.keepTidy({ firstMs: tidyFirstMs, everyMs: tidyEveryMs, signal });
  }

  #probe(signal: AbortSignal): Promise<Machine> {
    const { node = process.execPath, log } = this.#options;
    return probeMachine({ home: this.#home, node, log, signal });
  }

  #quit(): void {
    if (this.#ending.signal.aborted) return;
    this.#ending.abort(new Error('the supervisor ends'));
    this.#unfollow();
    this.#unlisten();
    this.#loop.close();
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
    this.#registry.close();
    this.#lease.close();
    // A successor says it from now on; what is being answered is answered.
    this.#closed = this.#access.close();
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
    this.#access.instanceEnded(plugin.id, instance.id);
    const consequence = this.#loop.ended(plugin, instance, verdict);
    this.#options.log[verdict.status === 'error' ? 'warn' : 'info'](
      { plugin_id: plugin.id, instance: instance.id },
      `${plugin.id} ${verdict.text}${consequence && `; ${consequence}`}`,
    );
    this.#plugins.changed(plugin.id);
    this.#inventory.forgetRemoved(plugin);
    // Its log is whole only when we have returned.
    if (verdict.status === 'error') void this.#keepOutput(plugin, instance.id);
    return consequence;
  }

  /** Whether an instance, of this plugin, was launched and has not ended. */
  #isWanted(instance: string, plugin?: string): boolean {
    if (!this.#hasAdopted) return hasRecord(this.#home.run, instance, plugin);
    return this.#instances().some(
      ({ id, record }) => id === instance && (plugin ?? record.plugin_id) === record.plugin_id,
    );
  }

  #keepOutput(plugin: Plugin, instance: string): Promise<void> {
    const { log } = this.#options;
    return keepLastOutput({ plugin, instance, logs: this.#logs, plugins: this.#plugins, log });
  }

  #assertMachine(): Machine {
    if (!this.#machine) throw new Error('the supervisor has not begun');
    return this.#machine;
  }

  /** The broker is back; it may have been started anew. */
  #comeBack(): void {
    this.#senses.forgive();
    // Another one may have taken over meanwhile, whose entries are newer than ours.
    void this.#lease.renew().then(() => {
      this.#loop.kick();
      this.#registry.writeAll();
    });
    void this.#auditStream.ensure();
  }

  #instances(): ManagedInstance[] {
    return this.#plugins.all().flatMap((plugin) => [...plugin.managed.values()]);
  }
}
