import type { Msg } from '@nats-io/nats-core';
import { Answers } from './answer.ts';
import { BrokerCalls } from './broker-calls.ts';
import { isBytes } from './bytes.ts';
import { InvocationError } from './client/errors.ts';
import type { Connection } from './connection.ts';
import type { PluginDefinition } from './define-plugin.ts';
import { Endpoints } from './endpoint.ts';
import type { Endpoint } from './endpoint.ts';
import { headerFault } from './header-fault.ts';
import { Inbox } from './inbox.ts';
import { InstanceLimits } from './instance-limits.ts';
import { assertHeaders, contentTypeOf, streamWindowOf } from './invocation-headers.ts';
import { invocationLimitsOf } from './invocation-limits.ts';
import type { InvocationLimits } from './invocation-limits.ts';
import { Invocation, isNested } from './invocation.ts';
import type { Logger } from './logger.ts';
import { OverdueHandlers } from './overdue-handlers.ts';
import { inputOfBody, inputOfEnvelope, inputOfUpload, readEnvelope } from './payload.ts';
import { respondProblem } from './problem.ts';
import { BkgError } from './protocol/errors.ts';
import { headerNames } from './protocol/headers.ts';
import type { PluginConfig } from './protocol/plugin.ts';
import { capabilityOf, inboxRoot, subjects } from './protocol/subjects.ts';
import { Slots } from './slots.ts';
import { Statistics } from './statistics.ts';
import { brokerLost, runStream } from './stream-run.ts';
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
  readonly #streamPatienceMs: number | undefined;
  /** What the other ends of streams say; most plugins have none. */
  readonly #flows: Inbox | undefined;
  readonly #unwatch: () => void;
  #limits: InvocationLimits;
  /** From the arrival of a request until its answer is published. */
  readonly #inFlight = new Map<string, Invocation>();
  /** Handlers go on after their answer was due; a drain waits for them too. */
  readonly #running = new Set<Promise<void>>();
  /** What handlers invoke themselves; most plugins invoke nobody. */
  #nested: BrokerCalls | undefined;

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
    return this.#inFlight.has(invocationId);
  }

  /** Holds for what arrives from now on; an invocation that is here keeps its deadline and its place. */
  configure(config: Pick<PluginConfig, 'resources' | 'limits' | 'replicas'>): void {
    this.#limits = invocationLimitsOf(config);
    this.#rates.configure(config);
    this.#slots.limits = this.#limits.slots;
    this.#overdue.look();
  }

  cancel(invocationId: string): void {
    this.#inFlight
      .get(invocationId)
      ?.abort(new BkgError('CANCELLED', `The invocation ${shortToken(invocationId)} was cancelled.`));
  }

  /** Answers everything that is still waiting, with this failure. */
  abortAll(reason: BkgError): void {
    for (const invocation of this.#inFlight.values()) invocation.abort(reason);
  }

  /** Resolves when no handler runs and every answer is published. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  /** Ends what handlers that go on have invoked. */
  close(): void {
    this.#unwatch();
    this.#flows?.close();
    this.#nested?.close(() => new BkgError('CANCELLED', `The instance of ${this.#plugin.id} has ended.`));
  }

  /** Takes one message of an invoke subject. */
  accept(msg: Msg): void {
    const fault = headerFault(msg);
    if (fault !== undefined) return this.#refuse(msg, fault);
    // They are the caller's choice, and the plugin would publish to whatever they name.
    const flow = msg.headers?.get(headerNames.flow);
    if (isForeign(msg.reply) || isForeign(flow)) {
      const why = `refused a request whose reply subject is not under ${inboxRoot}`;
      this.#log.warn({ reply: msg.reply, ...(flow && { flow }) }, why);
      return;
    }
    const work = this.#answer(msg)
      // Nothing is known to come here; if it does, it must not end the process for everybody else.
      .catch((error: unknown) => this.#log.fatal({ error }, 'an invocation could not be answered'))
      .finally(() => this.#running.delete(work));
    this.#running.add(work);
  }

  /** Nothing is known of it, its id included. */
  #refuse(msg: Msg, fault: string): void {
    const detail = `The headers of the request cannot be read (${fault}): a header is one line of ASCII.`;
    this.#log.warn({ subject: msg.subject }, detail);
    respondProblem(this.#connection, msg, new BkgError('INVALID_PAYLOAD', detail).problem);
  }

  async #answer(msg: Msg): Promise<void> {
    const named = capabilityOf(msg.subject);
    const invocation = new Invocation({
      msg,
      // Until the body is read, which comes later: it may be large.
      capability: named ?? '',
      timeoutMs: this.#limits.timeoutMs,
      nested: () => (this.#nested ??= new BrokerCalls(this.#connection)),
      log: this.#log,
    });
    const first = this.#inFlight.get(invocation.invocationId);
    if (first) {
      invocation.close();
      // Who took it for lost has sent it again, and waits for one answer: the first one's.
      if (first.msg.reply === msg.reply) return;
      return this.#answers.fail(invocation, conflict(invocation.invocationId));
    }
    this.#inFlight.set(invocation.invocationId, invocation);
    try {
      if (this.#answers.repeat(invocation)) return;
      assertHeaders(msg);
      const endpoint = named === undefined ? undefined : this.#enter(invocation, named);
      const window = streamWindowOf(msg);
      invocation.upload = this.#uploadOf(invocation, endpoint);
      await this.#slots.take(invocation.ended);
      await this.#run(invocation, endpoint, window);
    } catch (error) {
      this.#answers.fail(invocation, error);
    } finally {
      invocation.close();
      invocation.upload?.close();
      this.#inFlight.delete(invocation.invocationId);
    }
  }

  /** It is known by now which of the capabilities it is. */
  #enter(invocation: Invocation, id: string): Endpoint {
    const endpoint = this.#endpoints.of(id);
    contentTypeOf(invocation.msg, endpoint.capability.input);
    invocation.enter(endpoint);
    this.#rates.take(id);
    return endpoint;
  }

  /** With a slot: it is given back when the handler has ended, which may be after the answer. */
  async #run(invocation: Invocation, named: Endpoint | undefined, window: number | undefined): Promise<void> {
    let handled: Promise<unknown> | undefined;
    try {
      const { msg, upload } = invocation;
      let endpoint: Endpoint;
      let input: unknown;
      if (named === undefined) {
        contentTypeOf(msg, undefined);
        const { id, payload } = readEnvelope(msg);
        invocation.capability = id;
        endpoint = this.#endpoints.of(id);
        invocation.enter(endpoint);
        this.#rates.take(id);
        input = inputOfEnvelope(this.#plugin.id, endpoint, payload, msg.data.length);
      } else {
        endpoint = named;
        input = upload ? await inputOfUpload(named, msg, upload) : inputOfBody(named, msg);
      }
      invocation.signal.throwIfAborted();
      handled = this.#handle(endpoint, input, invocation, window);
      const output = await Promise.race([handled.catch(rethrowAsRun), invocation.ended]);
      this.#answers.succeed(invocation, endpoint, output);
    } finally {
      if (handled) this.#watch(invocation, handled);
      else this.#giveBack(false);
    }
  }

  #handle(
    endpoint: Endpoint,
    input: unknown,
    invocation: Invocation,
    window: number | undefined,
  ): Promise<unknown> {
    const { handler, chunk } = endpoint.capability;
    const flows = this.#flows;
    if (chunk !== undefined && isBytes(chunk) && window === undefined && invocation.msg.reply) {
      throw new BkgError(
        'INVALID_PAYLOAD',
        `${endpoint.id} answers with bytes in chunks (${chunk.contentType}): send ${headerNames.stream} with the number that you take, such as 32.`,
      );
    }
    invocation.hasRun = true;
    const result = handler(input as never, invocation);
    if (chunk === undefined || !flows) return Promise.resolve(result);
    const patienceMs = this.#streamPatienceMs;
    return runStream(result, {
      endpoint,
      invocation,
      connection: this.#connection,
      flows,
      window,
      patienceMs,
    });
  }

  /** Keeps its place for a handler until it has ended. */
  #watch(invocation: Invocation, handled: Promise<unknown>): void {
    const isOverdue = invocation.signal.aborted;
    if (isOverdue) this.#overdue.add();
    const left = handled.then(
      () => this.#giveBack(isOverdue),
      (error: unknown) => {
        this.#giveBack(isOverdue);
        // When the answer was due earlier, nobody else hears of this failure.
        if (invocation.signal.aborted && error !== invocation.signal.reason) {
          invocation.log.debug({ error }, 'the handler failed after its answer was due');
        }
      },
    );
    const work = left.finally(() => this.#running.delete(work));
    this.#running.add(work);
  }

  #giveBack(isOverdue: boolean): void {
    this.#slots.give();
    if (isOverdue) this.#overdue.remove();
    else this.#overdue.look();
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
    for (const invocation of this.#inFlight.values()) {
      if (invocation.upload?.isUnderWay) invocation.abort(uploadLost());
      else if (invocation.chunks && invocation.chunks.count > 0) invocation.abort(brokerLost());
    }
  }
}

function isForeign(subject: string | undefined): boolean {
  return Boolean(subject) && !subject?.startsWith(inboxRoot);
}

/**
 * A failure of another invocation that the handler let through keeps its code, which may say that nothing was executed:
 * of this handler that is not true, and nobody may repeat it by themselves, whether it was made by `context.invoke` or
 * by a client. What the handler says of itself stands.
 */
function rethrowAsRun(error: unknown): never {
  if (error instanceof InvocationError || (error instanceof BkgError && isNested(error))) {
    throw BkgError.from({ ...error.problem, retryable: false });
  }
  throw error;
}

function conflict(invocationId: string): BkgError {
  return new BkgError('CONFLICT', `The invocation ${shortToken(invocationId)} is already running here.`);
}
