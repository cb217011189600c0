import { hostname } from 'node:os';
import type { Msg, Subscription, SubscriptionOptions } from '@nats-io/nats-core';
import { nuid } from '@nats-io/nats-core';
import type { Connection } from '../connection.ts';
import { descriptorOf } from '../define-plugin.ts';
import type { PluginDefinition } from '../define-plugin.ts';
import { Dispatcher } from '../dispatcher.ts';
import { descriptorHash, heartbeatMsIn, telemetryOf } from '../heartbeats.ts';
import { LiveConfig } from '../live-config.ts';
import { createLogger } from '../logger.ts';
import type { Heartbeat, StatusEvent } from '../protocol/event.ts';
import type { Descriptor } from '../protocol/micro.ts';
import { configDefaults } from '../protocol/plugin.ts';
import type { Status } from '../protocol/status.ts';
import { invokeQueue, subjects } from '../protocol/subjects.ts';
import type { EventKind } from '../protocol/subjects.ts';
import { round } from '../protocol/telemetry.ts';
import type { PluginTelemetry } from '../protocol/telemetry.ts';
import { serveQuestions } from '../questions.ts';
import type { QuestionsOptions } from '../questions.ts';

export interface SimulatedInstanceOptions {
  plugin: PluginDefinition;
  /** Shared with others; it stays open. */
  connection: Connection;
  heartbeatMs: number;
  onHeartbeat: () => void;
}

/** So many invocations had it before it came, so that its heartbeats have the size that they have in a mesh at work. */
const invocationsBefore = 200;
const log = createLogger({}, { level: 'silent' });

/**
 * One instance as it is on the bus: subscriptions, events and answers are those of an instance with the SDK. It has no
 * process of its own; what it says of processor and memory is made up.
 */
export class SimulatedInstance {
  /** A NUID. */
  readonly id = nuid.next();
  readonly pluginId: string;
  readonly #plugin: PluginDefinition;
  readonly #connection: Connection;
  readonly #dispatcher: Dispatcher;
  readonly #config: LiveConfig;
  readonly #descriptor: Descriptor;
  readonly #descriptorHash: string;
  readonly #onHeartbeat: () => void;
  readonly #startedAt = new Date();
  readonly #ending = new AbortController();
  readonly #memoryMb = 60 + Math.random() * 40;
  #subscriptions: Subscription[] = [];
  #invokeSubscriptions: Subscription[] = [];
  #status: Status = 'starting';
  #error: string | undefined;
  #heartbeatMs: number;
  #sequence = 0;
  #beating: NodeJS.Timeout | undefined;
  #isSilent = false;
  #ended: Promise<void> | undefined;

  constructor({ plugin, connection, heartbeatMs, onHeartbeat }: SimulatedInstanceOptions) {
    const config = { id: plugin.id, ...configDefaults };
    this.pluginId = plugin.id;
    this.#plugin = plugin;
    this.#connection = connection;
    this.#heartbeatMs = heartbeatMs;
    this.#onHeartbeat = onHeartbeat;
    this.#dispatcher = new Dispatcher({ plugin, instance: this.id, config, connection, log });
    this.#config = new LiveConfig({
      plugin,
      config,
      dispatcher: this.#dispatcher,
      log,
      prepared: Promise.resolve(),
      ending: this.#ending.signal,
    });
    this.#descriptor = descriptorOf(plugin);
    this.#descriptorHash = descriptorHash(this.#descriptor);
    for (let i = 0; i < invocationsBefore; i += 1) this.#countOne();
  }

  get status(): Status {
    return this.#status;
  }

  /** Between two heartbeats, before jitter. */
  get heartbeatMs(): number {
    return this.#heartbeatMs;
  }

  /** Step 1 and 2 of a start; `join` follows when the broker has it. */
  announce(): void {
    this.say('starting');
    this.#serveQuestions();
    this.#beginBeating();
  }

  /** Subscribes to invocations; when the broker has that it is to `say('running')`. */
  join(): void {
    const { pluginId, id } = this;
    this.#serve(subjects.invokeAtAny(pluginId, id));
    this.#serve(subjects.invoke(pluginId), invokeQueue);
    this.#serve(subjects.invokeAny(pluginId), invokeQueue);
  }

  /** Takes another status, and publishes it. @param error why, of the status `error` */
  say(status: Status, error?: string): void {
    this.#status = status;
    this.#error = error;
    this.#publish('status', this.#statusEvent());
  }

  /** From now on it publishes nothing and answers nothing, as a process that hangs: its subscriptions stay. */
  silence(): void {
    this.#isSilent = true;
    clearTimeout(this.#beating);
  }

  /** Ends in order: `stopping`, then it takes nothing more and answers what it holds, one more heartbeat, `stopped`. */
  end(): Promise<void> {
    return (this.#ended ??= this.#end());
  }

  async #end(): Promise<void> {
    this.#ending.abort(new Error('the instance ends'));
    clearTimeout(this.#beating);
    if (!this.#isSilent) {
      this.say('stopping');
      await this.#connection.drain(this.#invokeSubscriptions);
      await this.#dispatcher.settled();
      this.#beat();
      this.say('stopped');
    }
    this.#dispatcher.close();
    for (const subscription of [...this.#subscriptions, ...this.#invokeSubscriptions])
      subscription.unsubscribe();
  }

  #serve(subject: string, queue?: string): void {
    const callback = (error: Error | null, msg: Msg): void => {
      if (!error && !this.#isSilent) this.#dispatcher.accept(msg);
    };
    const subscription = this.#connection.subscribe(subject, { callback, ...(queue && { queue }) });
    this.#invokeSubscriptions.push(subscription);
  }

  #serveQuestions(): void {
    serveQuestions({
      connection: this.#line(),
      descriptor: this.#descriptor,
      instance: this.id,
      dispatcher: this.#dispatcher,
      log,
      status: () => this.#statusEvent(),
      telemetry: () => this.#telemetry(),
      orders: {
        drain: () => void this.end(),
        admit: () => undefined,
        configure: (body) => this.#configure(body()),
      },
    });
  }

  /** The connection for what it is asked: who is silent hears nothing, and its subscriptions go with it. */
  #line(): QuestionsOptions['connection'] {
    const subscribe = (subject: string, options: SubscriptionOptions): Subscription => {
      const { callback } = options;
      const subscription = this.#connection.subscribe(subject, {
        ...options,
        callback: (error, msg) => (this.#isSilent ? undefined : callback?.(error, msg)),
      });
      this.#subscriptions.push(subscription);
      return subscription;
    };
    return {
      subscribe,
      respond: (...reply) => this.#connection.respond(...reply),
      sendKept: (prefix) => this.#connection.sendKept(prefix),
    };
  }

  async #configure(order: unknown): Promise<void> {
    const heartbeatMs = heartbeatMsIn(order);
    if (heartbeatMs === undefined) return this.#config.apply(order);
    this.#heartbeatMs = heartbeatMs;
    this.#beginBeating();
  }

  /** One at once; the next at any time within the interval, as of instances that were not started together. */
  #beginBeating(): void {
    this.#beatIn(this.#heartbeatMs * Math.random());
    this.#beat();
  }

  #beatIn(ms: number): void {
    clearTimeout(this.#beating);
    if (this.#isSilent || this.#ending.signal.aborted) return;
    this.#beating = setTimeout(() => {
      this.#beat();
      this.#beatIn(this.#heartbeatMs * (0.9 + Math.random() * 0.2));
    }, ms);
  }

  #beat(): void {
    this.#countOne();
    const heartbeat: Heartbeat = {
      seq: this.#sequence++,
      ...this.#self(),
      descriptor: this.#descriptorHash,
      every_ms: this.#heartbeatMs,
      telemetry: this.#telemetry(),
    };
    this.#publish('telemetry', heartbeat);
    this.#onHeartbeat();
  }

  #telemetry(): PluginTelemetry {
    const [descriptor, dispatcher, startedAt] = [this.#descriptor, this.#dispatcher, this.#startedAt];
    return telemetryOf(
      { descriptor, dispatcher, startedAt },
      {
        cpu_percent: round(Math.random() * 2, 1),
        memory_mb: round(this.#memoryMb, 1),
        event_loop_lag_ms: round(Math.random(), 1),
      },
    );
  }

  /** An invocation that nobody has sent: it took from 0.1 ms to 100 ms, short ones are the most. */
  #countOne(): void {
    this.#dispatcher.statistics.count('echo', 0.1 * 10 ** (3 * Math.random() ** 2));
  }

  #statusEvent(): StatusEvent {
    const error = this.#error;
    return { id: this.pluginId, instance: this.id, ...this.#self(), ...(error && { error }) };
  }

  #self(): Pick<StatusEvent, 'status' | 'version' | 'started_at' | 'host' | 'pid'> {
    return {
      status: this.#status,
      version: this.#plugin.version,
      started_at: this.#startedAt.toISOString(),
      host: hostname(),
      pid: process.pid,
    };
  }

  #publish(kind: EventKind, body: StatusEvent | Heartbeat): void {
    if (this.#isSilent) return;
    this.#connection.publish(subjects.event(this.pluginId, this.id, kind), JSON.stringify(body));
  }
}
