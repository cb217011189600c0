import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import type { Msg, Subscription } from '@nats-io/nats-core';
import { nuid } from '@nats-io/nats-core';
import type { Connection } from './connection.ts';
import { descriptorOf } from './define-plugin.ts';
import type { PluginDefinition } from './define-plugin.ts';
import { Dispatcher } from './dispatcher.ts';
import { delay, settlesWithin } from './host/delay.ts';
import { createLogger } from './logger.ts';
import type { Logger } from './logger.ts';
import { BkgError } from './protocol/errors.ts';
import type { Heartbeat, StatusEvent } from './protocol/event.ts';
import type { Descriptor } from './protocol/micro.ts';
import { configDefaults } from './protocol/plugin.ts';
import type { PluginConfig } from './protocol/plugin.ts';
import type { Status } from './protocol/status.ts';
import { inboxRoot, invokeQueue, subjects } from './protocol/subjects.ts';
import type { EventKind } from './protocol/subjects.ts';
import { latencyPercentiles } from './protocol/telemetry.ts';
import type { PluginTelemetry } from './protocol/telemetry.ts';
import { serveDiscovery } from './service-responder.ts';
import { UsageMeter } from './usage.ts';

export interface InstanceOptions {
  /** Closed by `drain`. */
  connection: Connection;
  /** @default a new NUID */
  instance?: string;
  /** @default the defaults of the protocol */
  config?: PluginConfig;
  log?: Logger;
  /** Between two heartbeats, jittered by a tenth. @default 2000 */
  heartbeatMs?: number;
}

const graceMsDefault = 10_000;
/** After the grace period, for handlers that heed their signal. */
const abortedMs = 1_000;

/** One process of a plugin, from its first status event to its last. */
export class Instance {
  readonly id: string;
  readonly plugin: PluginDefinition;
  readonly #connection: Connection;
  readonly #log: Logger;
  readonly #heartbeatMs: number;
  readonly #dispatcher: Dispatcher;
  readonly #descriptor: Descriptor;
  readonly #descriptorHash: string;
  readonly #usage = new UsageMeter();
  readonly #startedAt = new Date();
  readonly #ending = new AbortController();
  readonly #drainAsked = Promise.withResolvers<void>();
  #invokeSubscriptions: Subscription[] = [];
  #status: Status = 'starting';
  #error: string | undefined;
  #sequence = 0;
  #drained: Promise<void> | undefined;

  constructor(plugin: PluginDefinition, options: InstanceOptions) {
    const { connection, instance = nuid.next(), config = { id: plugin.id, ...configDefaults } } = options;
    this.id = instance;
    this.plugin = plugin;
    this.#connection = connection;
    this.#log = options.log ?? createLogger({ plugin_id: plugin.id, instance });
    this.#heartbeatMs = options.heartbeatMs ?? 2_000;
    this.#dispatcher = new Dispatcher({ plugin, config, connection, log: this.#log });
    this.#descriptor = descriptorOf(plugin);
    this.#descriptorHash = createHash('sha256')
      .update(JSON.stringify(this.#descriptor))
      .digest('hex')
      .slice(0, 32);
  }

  get status(): Status {
    return this.#status;
  }

  /** Resolves when the supervisor has asked for a drain over the broker. */
  get drainAsked(): Promise<void> {
    return this.#drainAsked.promise;
  }

  /**
   * Announces itself, runs the plugin's `start` and then takes invocations.
   * @throws what `start` throws; the instance then says `error` and has to be drained
   */
  async start(signal: AbortSignal = this.#ending.signal): Promise<void> {
    await this.#say('starting');
    this.#serveQuestions();
    void this.#beat();
    try {
      await this.plugin.start?.({ log: this.#log, signal });
    } catch (error) {
      this.#error = `It could not start: ${error instanceof Error ? error.message : String(error)}`;
      await this.#say('error');
      throw error;
    }
    this.#serveInvocations();
    // Ready means that the broker knows the subscriptions, not that they are on their way.
    await this.#connection.flush();
    await this.#say('running');
    this.#log.info({ version: this.plugin.version }, `${this.plugin.id} is running`);
  }

  /**
   * Takes no new invocation, answers what it holds, and closes the connection. What is not answered within the grace
   * period is aborted.
   */
  drain(graceMs = graceMsDefault): Promise<void> {
    return (this.#drained ??= this.#drain(graceMs));
  }

  telemetry(): PluginTelemetry {
    const { statistics } = this.#dispatcher;
    const buckets = statistics.buckets;
    return {
      plugin_id: this.plugin.id,
      ...this.#usage.last,
      uptime_secs: Math.round((Date.now() - this.#startedAt.getTime()) / 1_000),
      request_count: statistics.requests,
      error_count: statistics.errors,
      last_error: statistics.lastError,
      in_flight: this.#dispatcher.inFlight,
      queue_depth: this.#dispatcher.queued,
      instances: 1,
      latency_ms: latencyPercentiles(buckets),
      latency_buckets: buckets,
    };
  }

  /** The order is the protocol's, and every step of it is needed: each shorter way loses invocations. */
  async #drain(graceMs: number): Promise<void> {
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
    await this.#say('stopped');
    this.#usage.close();
    await this.#connection.close();
  }

  #serveInvocations(): void {
    const { id } = this.plugin;
    const callback = (error: Error | null, msg: Msg): void => {
      if (!error) this.#dispatcher.accept(msg);
    };
    this.#invokeSubscriptions = [
      this.#connection.subscribe(subjects.invoke(id), { queue: invokeQueue, callback }),
      this.#connection.subscribe(subjects.invokeAny(id), { queue: invokeQueue, callback }),
      this.#connection.subscribe(subjects.invokeAtAny(id, this.id), { callback }),
    ];
  }

  /** What is answered from the first moment to the last. */
  #serveQuestions(): void {
    const { id } = this.plugin;
    const on = (subject: string, take: (msg: Msg) => void): void => {
      this.#connection.subscribe(subject, { callback: (error, msg) => (error ? undefined : take(msg)) });
    };
    serveDiscovery({
      descriptor: this.#descriptor,
      instance: this.id,
      statistics: this.#dispatcher.statistics,
      connection: this.#connection,
      answer: this.#answer,
    });
    on(subjects.status(id), (msg) => this.#answer(msg, JSON.stringify(this.#statusEvent())));
    on(subjects.telemetry(id), (msg) => this.#answer(msg, JSON.stringify(this.telemetry())));
    on(subjects.cancel(id), (msg) => {
      const { invocation_id } = bodyOf(msg);
      if (typeof invocation_id === 'string') this.#dispatcher.cancel(invocation_id);
    });
    on(subjects.inflight(id), (msg) => {
      const { invocation_ids } = bodyOf(msg);
      const asked = Array.isArray(invocation_ids) ? invocation_ids : [];
      const held = asked.filter(
        (one): one is string => typeof one === 'string' && this.#dispatcher.holds(one),
      );
      this.#answer(msg, JSON.stringify({ instance: this.id, invocation_ids: held }));
    });
    on(subjects.drain(id, this.id), (msg) => {
      this.#answer(msg, JSON.stringify({ ok: true }));
      this.#drainAsked.resolve();
    });
  }

  readonly #answer = (msg: Msg, text: string): void => {
    // The reply subject is the asker's choice, and we would publish to whatever it names.
    if (msg.reply?.startsWith(inboxRoot)) this.#connection.respond(msg, text);
  };

  #statusEvent(): StatusEvent {
    return {
      id: this.plugin.id,
      instance: this.id,
      status: this.#status,
      version: this.plugin.version,
      started_at: this.#startedAt.toISOString(),
      host: hostname(),
      pid: process.pid,
      ...(this.#error && { error: this.#error }),
    };
  }

  async #say(status: Status): Promise<void> {
    this.#status = status;
    this.#publish('status', this.#statusEvent());
    await this.#connection.flush();
  }

  /** Telemetry is the heartbeat. Its timer is jittered, so that a thousand instances do not beat together. */
  async #beat(): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      this.#usage.sample();
      const heartbeat: Heartbeat = {
        seq: this.#sequence++,
        status: this.#status,
        version: this.plugin.version,
        started_at: this.#startedAt.toISOString(),
        host: hostname(),
        pid: process.pid,
        descriptor: this.#descriptorHash,
        telemetry: this.telemetry(),
      };
      this.#publish('telemetry', heartbeat);
      const jitteredMs = this.#heartbeatMs * (0.9 + Math.random() * 0.2);
      // Its one failure is the signal's, which ends the loop.
      await delay(jitteredMs, signal).catch(() => undefined);
    }
  }

  #publish(kind: EventKind, body: unknown): void {
    this.#connection.publish(subjects.event(this.plugin.id, this.id, kind), JSON.stringify(body));
  }
}

/** The members of a JSON object; none for anything else that somebody sent. */
function bodyOf(msg: Msg): Record<string, unknown> {
  try {
    const value: unknown = msg.json();
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
