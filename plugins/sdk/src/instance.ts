import { hostname } from 'node:os';
import type { Msg, Subscription } from '@nats-io/nats-core';
import { nuid } from '@nats-io/nats-core';
import type { Connection } from './connection.ts';
import { descriptorOf } from './define-plugin.ts';
import type { PluginDefinition } from './define-plugin.ts';
import { Dispatcher } from './dispatcher.ts';
import { heartbeatMsIn, Heartbeats } from './heartbeats.ts';
import { settlesWithin } from './host/delay.ts';
import { LiveConfig } from './live-config.ts';
import { createLogger } from './logger.ts';
import type { Logger } from './logger.ts';
import { BkgError } from './protocol/errors.ts';
import { heartbeatDefaultMs } from './protocol/event.ts';
import type { StatusEvent } from './protocol/event.ts';
import type { Descriptor } from './protocol/micro.ts';
import { configDefaults } from './protocol/plugin.ts';
import type { PluginConfig } from './protocol/plugin.ts';
import type { Status } from './protocol/status.ts';
import { invokeQueue, subjects } from './protocol/subjects.ts';
import type { EventKind } from './protocol/subjects.ts';
import type { PluginTelemetry } from './protocol/telemetry.ts';
import { serveQuestions } from './questions.ts';

export interface InstanceOptions {
  /** Closed by `drain`. */
  connection: Connection;
  /** @default a new NUID */
  instance?: string;
  /** @default the defaults of the protocol */
  config?: PluginConfig;
  /** Takes no share of the invocations before it is admitted, but answers on its own subject. @default false */
  held?: boolean;
  log?: Logger;
  /** Between two heartbeats, jittered by a tenth, until the supervisor orders otherwise. @default 2000 */
  heartbeatMs?: number;
  /**
   * It says `error` when handlers that ignore the end of their time have kept all places for so long, or for
   * `timeout_secs` when that is longer. @default 5000
   */
  stuckLeastMs?: number;
  /** How long the other end of a stream may give no sign when it has to, before the invocation ends. @default 30000 */
  streamPatienceMs?: number;
}

const graceMsDefault = 10_000;
/** Of a reason, which goes out in an event. */
const errorMostLength = 1_000;
/** After the grace period, for handlers that heed their signal. */
const abortedMs = 1_000;

/**
 * One process of a plugin, from its first status event to its last:
 *
 *   starting ─► plugin.start ─► own subject ─► queue group ─► running ─► stopping ─► stopped
 *                                   └► held: starting, until it is admitted
 *
 * While it runs it says `error` for as long as all its places are held by handlers whose time was over long ago.
 */
export class Instance {
  readonly id: string;
  readonly plugin: PluginDefinition;
  readonly #connection: Connection;
  readonly #log: Logger;
  readonly #dispatcher: Dispatcher;
  readonly #descriptor: Descriptor;
  readonly #heartbeats: Heartbeats;
  readonly #config: LiveConfig;
  readonly #startedAt = new Date();
  readonly #prepared = Promise.withResolvers<void>();
  readonly #draining = new AbortController();
  readonly #ending = new AbortController();
  readonly #drainAsked = Promise.withResolvers<void>();
  readonly #isToBeHeld: boolean;
  #invokeSubscriptions: Subscription[] = [];
  #status: Status = 'starting';
  #isHeld = false;
  #error: string | undefined;
  #admitted: Promise<void> | undefined;
  #drained: Promise<void> | undefined;

  constructor(plugin: PluginDefinition, options: InstanceOptions) {
    const { connection, instance = nuid.next(), config = { id: plugin.id, ...configDefaults } } = options;
    const log = options.log ?? createLogger({ plugin_id: plugin.id, instance });
    this.id = instance;
    this.plugin = plugin;
    this.#connection = connection;
    this.#log = log;
    this.#isToBeHeld = options.held ?? false;
    this.#dispatcher = new Dispatcher({
      plugin,
      instance,
      config,
      connection,
      log,
      onStuck: () => this.#noteStuck(),
      ...(options.stuckLeastMs !== undefined && { stuckLeastMs: options.stuckLeastMs }),
      ...(options.streamPatienceMs !== undefined && { streamPatienceMs: options.streamPatienceMs }),
    });
    this.#descriptor = descriptorOf(plugin);
    this.#heartbeats = new Heartbeats({
      descriptor: this.#descriptor,
      dispatcher: this.#dispatcher,
      startedAt: this.#startedAt,
      self: () => this.#self(),
      publish: (heartbeat) => this.#publish('telemetry', heartbeat),
      everyMs: options.heartbeatMs ?? heartbeatDefaultMs,
    });
    this.#config = new LiveConfig({
      plugin,
      config,
      dispatcher: this.#dispatcher,
      log,
      prepared: this.#prepared.promise,
      ending: this.#draining.signal,
    });
  }

  get status(): Status {
    return this.#stuck ? 'error' : this.#status;
  }

  /** Streams whose other end is listened to, in either direction. */
  get openFlows(): number {
    return this.#dispatcher.openFlows;
  }

  /** Resolves when somebody has asked for a drain over the broker. */
  get drainAsked(): Promise<void> {
    return this.#drainAsked.promise;
  }

  /**
   * Announces itself, runs the plugin's `start` and then takes invocations; one that is held is then ready for
   * `admit`.
   * @throws what `start` throws; the instance then says `error` and has to be drained
   */
  async start(signal: AbortSignal = this.#ending.signal): Promise<void> {
    await this.#say('starting');
    this.#serveQuestions();
    this.#heartbeats.run(this.#ending.signal);
    try {
      await this.plugin.start?.({
        log: this.#log,
        signal,
        connection: this.#connection,
        instance: this.id,
      });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#error = `It could not start: ${why.slice(0, errorMostLength)}`;
      await this.#say('error');
      throw error;
    }
    if (this.#drained) return;
    this.#prepared.resolve();
    this.#serveInvocations([subjects.invokeAtAny(this.plugin.id, this.id)]);
    if (this.#isToBeHeld) await this.#hold();
    else await (this.#admitted = this.#join());
  }

  /**
   * Lets an instance that is held take its share of the invocations; of no effect on one that does already.
   * @throws BkgError CONFLICT when it is not ready yet, or ends
   */
  async admit(): Promise<void> {
    const refusal = (why: string): BkgError =>
      new BkgError('CONFLICT', `The instance ${this.id} of ${this.plugin.id} ${why}.`);
    if (this.#drained) throw refusal('is ending');
    if (!this.#admitted && !this.#isHeld) throw refusal('is not ready yet');
    await (this.#admitted ??= this.#join());
    if (this.#drained) throw refusal('is ending');
  }

  /**
   * Takes no new invocation, answers what it holds, and closes the connection. What is not answered within the grace
   * period is aborted.
   */
  drain(graceMs = graceMsDefault): Promise<void> {
    return (this.#drained ??= this.#drain(graceMs));
  }

  telemetry(): PluginTelemetry {
    return this.#heartbeats.telemetry();
  }

  /** Ready but for the queue group: who replaces another instance by this one tries it first, on its own subject. */
  async #hold(): Promise<void> {
    await this.#connection.flush();
    if (this.#drained) return;
    this.#isHeld = true;
    await this.#say('starting');
    this.#log.info({ version: this.plugin.version }, `${this.plugin.id} is ready, and waits to be admitted`);
  }

  async #join(): Promise<void> {
    const { id, version } = this.plugin;
    this.#serveInvocations([subjects.invoke(id), subjects.invokeAny(id)], invokeQueue);
    // Ready means that the broker knows the subscriptions, not that they are on their way.
    await this.#connection.flush();
    if (this.#drained) return;
    this.#isHeld = false;
    await this.#say('running');
    this.#log.info({ version }, `${id} is running`);
  }

  /** The order is the protocol's, and every step of it is needed: each shorter way loses invocations. */
  async #drain(graceMs: number): Promise<void> {
    this.#draining.abort(new Error('the instance is ending'));
    this.#isHeld = false;
    await this.#say('stopping');
    await this.#connection.drain(this.#invokeSubscriptions);
    const settled = this.#dispatcher.settled();
    if (!(await settlesWithin(settled, graceMs))) {
      this.#log.warn(
        { in_flight: this.#dispatcher.inFlight },
        'the grace period is over; aborting what still runs',
      );
      this.#dispatcher.abortAll(
        new BkgError('PLUGIN_CRASHED', `${this.plugin.id} stopped before it could answer.`),
      );
      if (!(await settlesWithin(settled, abortedMs)))
        this.#log.error('a handler goes on although it was aborted');
    }
    try {
      await this.plugin.stop?.();
    } catch (error) {
      this.#log.error({ error }, 'the plugin failed while it stopped');
    }
    this.#ending.abort(new Error('the instance has ended'));
    this.#dispatcher.close();
    // Between this one and the one before it invocations were answered, which are to be counted too.
    this.#heartbeats.beat();
    await this.#say('stopped');
    this.#heartbeats.close();
    await this.#connection.close();
  }

  #serveInvocations(names: readonly string[], queue?: string): void {
    const callback = (error: Error | null, msg: Msg): void => {
      if (!error) this.#dispatcher.accept(msg);
    };
    for (const name of names) {
      const options = { callback, ...(queue && { queue }) };
      this.#invokeSubscriptions.push(this.#connection.subscribe(name, options));
    }
  }

  #serveQuestions(): void {
    serveQuestions({
      connection: this.#connection,
      descriptor: this.#descriptor,
      instance: this.id,
      dispatcher: this.#dispatcher,
      log: this.#log,
      status: () => this.#statusEvent(),
      telemetry: () => this.telemetry(),
      orders: {
        drain: () => this.#drainAsked.resolve(),
        admit: () => this.admit(),
        configure: (body) => this.#configure(body()),
      },
    });
  }

  /** @param order a whole configuration, or how often to beat */
  async #configure(order: unknown): Promise<void> {
    const heartbeatMs = heartbeatMsIn(order);
    if (heartbeatMs === undefined) return this.#config.apply(order);
    this.#heartbeats.everyMs = heartbeatMs;
  }

  /** Why it is of no use although it runs: it would answer nothing but BUSY and DEADLINE_EXCEEDED. */
  get #stuck(): string | undefined {
    const { stuck } = this.#dispatcher;
    if (stuck === 0 || this.#status !== 'running') return undefined;
    return stuck === 1
      ? 'its only place is taken by a handler that goes on although its time was over'
      : `all ${stuck} places are taken by handlers that go on although their time was over`;
  }

  /** Who ends says so, whatever its handlers do. */
  #noteStuck(): void {
    if (this.#status !== 'running') return;
    const why = this.#stuck;
    if (why) this.#log.error(why);
    else this.#log.info(`${this.plugin.id} has a free place again`);
    void this.#say('running');
  }

  #statusEvent(): StatusEvent {
    const error = this.#error ?? this.#stuck;
    return { id: this.plugin.id, instance: this.id, ...this.#self(), ...(error && { error }) };
  }

  /** What status events and heartbeats both say. */
  #self(): Pick<StatusEvent, 'status' | 'version' | 'started_at' | 'host' | 'pid' | 'held'> {
    return {
      status: this.status,
      version: this.plugin.version,
      started_at: this.#startedAt.toISOString(),
      host: hostname(),
      pid: process.pid,
      ...(this.#isHeld && { held: true }),
    };
  }

  async #say(status: Status): Promise<void> {
    this.#status = status;
    this.#publish('status', this.#statusEvent());
    await this.#connection.flush();
  }

  #publish(kind: EventKind, body: unknown): void {
    this.#connection.publish(subjects.event(this.plugin.id, this.id, kind), JSON.stringify(body));
  }
}
