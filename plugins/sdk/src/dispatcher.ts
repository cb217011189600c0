import type { Msg } from '@nats-io/nats-core';
import { Answers } from './answer.ts';
import { BriefMap } from './brief-map.ts';
import { BriefSet } from './brief-set.ts';
import { BrokerCalls } from './broker-calls.ts';
import type { Connection } from './connection.ts';
import type { PluginDefinition } from './define-plugin.ts';
import { Endpoints } from './endpoint.ts';
import type { Endpoint } from './endpoint.ts';
import { Handling } from './handling.ts';
import { Inbox } from './inbox.ts';
import { InstanceLimits } from './instance-limits.ts';
import { assertHeaders, contentTypeOf, streamWindowOf } from './invocation-headers.ts';
import { invocationLimitsOf } from './invocation-limits.ts';
import type { InvocationLimits } from './invocation-limits.ts';
import { Invocation } from './invocation.ts';
import type { Logger } from './logger.ts';
import { readHeaders } from './message-headers.ts';
import type { MessageHeaders } from './message-headers.ts';
import { OverdueHandlers } from './overdue-handlers.ts';
import { respondProblem } from './problem.ts';
import { BkgError } from './protocol/errors.ts';
import { headerNames } from './protocol/headers.ts';
import type { PluginConfig } from './protocol/plugin.ts';
import { capabilityOf, inboxRoot, isInbox, subjects } from './protocol/subjects.ts';
import { Slots } from './slots.ts';
import { Statistics } from './statistics.ts';
import { brokerLost } from './stream-run.ts';
import { Tally } from './tally.ts';
import { shortToken } from './token.ts';
import { openUpload, uploadLost } from './upload-input.ts';
import type { UploadInput } from './upload-input.ts';

export interface DispatcherOptions {
  plugin: PluginDefinition;
  /** The id of the instance. */
  instance: string;
  config: PluginConfig;
  connection: Connection;
  log: Logger;
  /** Handlers that ignore the end of their time have all places, for longer than an invocation may take; or not any more. */
  onStuck?: () => void;
  /** For so long at least they may have them. @default 5000 */
  stuckLeastMs?: number;
  /** How long the other end of a stream may give no sign when it has to. @default creditPatienceMs */
  streamPatienceMs?: number;
}

/**
 * Takes requests to the invoke subjects to their one answer:
 *
 *   request ─► headers ─► registered ─► slot ─► decoded ─► validated ─► HANDLER ─► validated ─► reply ─► measured
 *                │ 400     │ 404 409 429 │ 429    │ 400       │ 400        │ own     │ INVALID_OUTPUT
 *                                        └────────┴───────────┴────────────┴─ deadline 504, cancel 499: at any time
 */
export class Dispatcher {
  readonly statistics: Statistics;
  readonly #plugin: PluginDefinition;
  readonly #connection: Connection;
  readonly #log: Logger;
  readonly #endpoints: Endpoints;
  readonly #answers: Answers;
  readonly #rates: InstanceLimits;
  readonly #slots: Slots;
  readonly #overdue: OverdueHandlers;
  readonly #handling: Handling;
  readonly #streamPatienceMs: number | undefined;
  /** What the other ends of streams say; most plugins have none. */
  readonly #flows: Inbox | undefined;
  readonly #unwatch: () => void;
  #limits: InvocationLimits;
  /** From the arrival of a request until its answer is published. */
  readonly #inFlight = new BriefSet<Invocation>();
  /** Those to which their callers have given an id: nobody knows that of another one. */
  readonly #byId = new BriefMap<Invocation>();
  /** What the subjects name that have named a capability of the plugin. */
  readonly #namedBy = new Map<string, string>();
  /** Requests without their answer, and handlers: those go on after their answer was due, and a drain waits for them too. */
  readonly #running = new Tally();
  /** What handlers invoke themselves; most plugins invoke nobody. */
  #nested: BrokerCalls | undefined;
  readonly #nestedCalls = (): BrokerCalls => (this.#nested ??= new BrokerCalls(this.#connection));

  constructor(options: DispatcherOptions) {
    const { plugin, instance, config, connection, log } = options;
    const { onStuck = () => undefined, stuckLeastMs = 5_000, streamPatienceMs } = options;
    this.#plugin = plugin;
    this.#connection = connection;
    this.#log = log;
    this.#streamPatienceMs = streamPatienceMs;
    this.#limits = invocationLimitsOf(config);
    this.#rates = new InstanceLimits(config);
    this.#slots = new Slots(this.#limits.slots);
    this.#overdue = new OverdueHandlers({
      slots: this.#slots,
      patienceMs: () => Math.max(stuckLeastMs, this.#limits.timeoutMs),
      onChange: onStuck,
    });
    this.#endpoints = new Endpoints(plugin);
    this.statistics = new Statistics(this.#endpoints.ids);
    this.#answers = new Answers({
      pluginId: plugin.id,
      instance,
      connection,
      endpoints: this.#endpoints,
      statistics: this.statistics,
    });
    if (this.#endpoints.haveStreams)
      this.#flows = new Inbox(connection, subjects.flow(plugin.id, instance, '*'));
    this.#handling = new Handling({
      pluginId: plugin.id,
      connection,
      endpoints: this.#endpoints,
      answers: this.#answers,
      rates: this.#rates,
      slots: this.#slots,
      overdue: this.#overdue,
      running: this.#running,
      flows: this.#flows,
      streamPatienceMs,
    });
    this.#unwatch = connection.onStatus((connected) => !connected && this.#cutStreams());
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  get queued(): number {
    return this.#slots.queued;
  }

  /** Streams whose other end is listened to, in either direction. */
  get openFlows(): number {
    return this.#flows?.size ?? 0;
  }

  /** How many handlers there are that have kept all places for too long after their time was over; else 0. */
  get stuck(): number {
    return this.#overdue.stuck;
  }

  /** Whether this instance holds the invocation: it has arrived, and its answer is not published yet. */
  holds(invocationId: string): boolean {
    return this.#byId.get(invocationId) !== undefined;
  }

  /** Holds for what arrives from now on; an invocation that is here keeps its deadline and its place. */
  configure(config: Pick<PluginConfig, 'resources' | 'limits' | 'replicas'>): void {
    this.#limits = invocationLimitsOf(config);
    this.#rates.configure(config);
    this.#slots.limits = this.#limits.slots;
    this.#overdue.look();
  }

  cancel(invocationId: string): void {
    this.#byId
      .get(invocationId)
      ?.abort(new BkgError('CANCELLED', `The invocation ${shortToken(invocationId)} was cancelled.`));
  }

  /** Answers everything that is still waiting, with this failure. */
  abortAll(reason: BkgError): void {
    for (const invocation of this.#inFlight) invocation.abort(reason);
  }

  /** Resolves when no handler runs and every answer is published. */
  async settled(): Promise<void> {
    await this.#running.settled();
  }

  /** Ends what handlers that go on have invoked. */
  close(): void {
    this.#unwatch();
    this.#flows?.close();
    this.#nested?.close(() => new BkgError('CANCELLED', `The instance of ${this.#plugin.id} has ended.`));
  }

  /** Takes one message of an invoke subject. */
  accept(msg: Msg): void {
    let headers: MessageHeaders;
    try {
      headers = readHeaders(msg);
    } catch (error) {
      return this.#refuse(msg, (error as Error).message);
    }
    // They are the caller's choice, and the plugin would publish to whatever they name.
    const flow = headers.get(headerNames.flow);
    if (isForeign(msg.reply) || isForeign(flow)) {
      const why = `refused a request whose reply subject is not under ${inboxRoot}`;
      this.#log.warn({ reply: msg.reply, ...(flow && { flow }) }, why);
      return;
    }
    this.#answer(msg, headers);
  }

  /** Nothing is known of it, its id included. */
  #refuse(msg: Msg, fault: string): void {
    const detail = `The headers of the request cannot be read (${fault}): a header is one line of ASCII.`;
    this.#log.warn({ subject: msg.subject }, detail);
    respondProblem(this.#connection, msg, new BkgError('INVALID_PAYLOAD', detail).problem);
  }

  /** Nothing is awaited that is there already: most invocations are answered in the turn in which they come. */
  #answer(msg: Msg, headers: MessageHeaders): void {
    const named = this.#namedIn(msg.subject);
    const invocation = new Invocation({
      msg,
      headers,
      // Until the body is read, which comes later: it may be large.
      capability: named ?? '',
      timeoutMs: this.#limits.timeoutMs,
      nested: this.#nestedCalls,
      log: this.#log,
    });
    this.#running.enter();
    let pending: Promise<void> | undefined;
    try {
      pending = this.#begin(invocation, named);
    } catch (error) {
      this.#answers.fail(invocation, error);
    } finally {
      if (!pending) this.#end(invocation);
    }
    // Nothing is known to come here; if it does, it must not end the process for everybody else.
    pending
      ?.catch((error: unknown) => this.#answers.fail(invocation, error))
      .finally(() => this.#end(invocation))
      .catch((error: unknown) => this.#log.fatal({ error }, 'an invocation could not be answered'));
  }

  /**
   * @returns undefined when it is answered already
   * @throws whatever is to be its answer
   */
  #begin(invocation: Invocation, named: string | undefined): Promise<void> | undefined {
    const { headers } = invocation;
    if (this.#isSecond(invocation)) return undefined;
    this.#inFlight.add(invocation);
    if (invocation.isNamed) this.#byId.add(invocation.invocationId, invocation);
    if (this.#answers.repeat(invocation)) return undefined;
    assertHeaders(headers);
    const endpoint = named === undefined ? undefined : this.#enter(invocation, named);
    const window = streamWindowOf(headers);
    invocation.upload = this.#uploadOf(invocation, endpoint);
    const place = this.#slots.take(invocation);
    if (!place) return this.#handling.run(invocation, endpoint, window);
    return place.then(() => this.#handling.run(invocation, endpoint, window));
  }

  #end(invocation: Invocation): void {
    invocation.close();
    invocation.upload?.close();
    this.#inFlight.delete(invocation);
    if (invocation.isNamed) this.#byId.delete(invocation.invocationId, invocation);
    this.#running.leave();
  }

  /**
   * Whether it is under way already: who took it for lost has sent it again, and waits for one answer, the first one's.
   * @throws BkgError CONFLICT for anybody else
   */
  #isSecond(invocation: Invocation): boolean {
    const first = invocation.isNamed ? this.#byId.get(invocation.invocationId) : undefined;
    if (first && first.msg.reply !== invocation.msg.reply) throw conflict(invocation.invocationId);
    return first !== undefined;
  }

  #namedIn(subject: string): string | undefined {
    const known = this.#namedBy.get(subject);
    if (known !== undefined) return known;
    const named = capabilityOf(subject);
    if (named !== undefined && this.#endpoints.find(named)) this.#namedBy.set(subject, named);
    return named;
  }

  /** It is known by now which of the capabilities it is. */
  #enter(invocation: Invocation, id: string): Endpoint {
    const endpoint = this.#endpoints.of(id);
    contentTypeOf(invocation.headers, endpoint.capability.input);
    invocation.enter(endpoint);
    this.#rates.take(id);
    return endpoint;
  }

  /** Undefined when the payload is the body. */
  #uploadOf(invocation: Invocation, endpoint: Endpoint | undefined): UploadInput | undefined {
    return openUpload({
      pluginId: this.#plugin.id,
      invocation,
      endpoint,
      connection: this.#connection,
      flows: this.#flows,
      mostBytes: this.#limits.uploadMostBytes,
      patienceMs: this.#streamPatienceMs,
    });
  }

  /** The broker is away: of what has begun something may be missing. */
  #cutStreams(): void {
    for (const invocation of this.#inFlight) {
      if (invocation.upload?.isUnderWay) invocation.abort(uploadLost());
      else if (invocation.chunks && invocation.chunks.count > 0) invocation.abort(brokerLost());
    }
  }
}

function isForeign(subject: string | undefined): boolean {
  return subject !== undefined && subject !== '' && !isInbox(subject);
}

function conflict(invocationId: string): BkgError {
  return new BkgError('CONFLICT', `The invocation ${shortToken(invocationId)} is already running here.`);
}
