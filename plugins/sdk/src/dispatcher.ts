import type { Msg } from '@nats-io/nats-core';
import { BrokerCalls } from './broker-calls.ts';
import { InvocationError } from './client/errors.ts';
import type { Connection } from './connection.ts';
import type { Capability, PluginDefinition } from './define-plugin.ts';
import { InstanceLimits } from './instance-limits.ts';
import { assertHeaders } from './invocation-headers.ts';
import { Invocation, isNested } from './invocation.ts';
import type { Logger } from './logger.ts';
import { OverdueHandlers } from './overdue-handlers.ts';
import { decodeJson, respondProblem } from './problem.ts';
import { BkgError, errorTable, PluginError, problemOf } from './protocol/errors.ts';
import type { PayloadError, Problem } from './protocol/errors.ts';
import type { PluginConfig } from './protocol/plugin.ts';
import { capabilityOf, inboxRoot } from './protocol/subjects.ts';
import { Slots } from './slots.ts';
import type { SlotLimits } from './slots.ts';
import { Statistics } from './statistics.ts';
import { shortToken } from './token.ts';
import { createValidator } from './validator.ts';
import type { Validator } from './validator.ts';

export interface DispatcherOptions {
  plugin: PluginDefinition;
  config: PluginConfig;
  connection: Connection;
  log: Logger;
  /** Handlers that ignore the end of their time have all places, for longer than an invocation may take; or not any more. */
  onStuck?: () => void;
  /** For so long at least they may have them. @default 5000 */
  stuckLeastMs?: number;
}

interface Endpoint {
  capability: Capability;
  validateInput: Validator;
  validateOutput: Validator;
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
  readonly #endpoints: Map<string, Endpoint>;
  readonly #limits: InstanceLimits;
  readonly #slots: Slots;
  readonly #overdue: OverdueHandlers;
  #timeoutMs: number;
  /** From the arrival of a request until its answer is published. */
  readonly #inFlight = new Map<string, Invocation>();
  /** Handlers go on after their answer was due; a drain waits for them too. */
  readonly #running = new Set<Promise<void>>();
  /** What handlers invoke themselves; most plugins invoke nobody. */
  #nested: BrokerCalls | undefined;

  constructor(options: DispatcherOptions) {
    const { plugin, config, connection, log, onStuck = () => undefined, stuckLeastMs = 5_000 } = options;
    this.#plugin = plugin;
    this.#connection = connection;
    this.#log = log;
    this.#timeoutMs = timeoutMsOf(config);
    this.#limits = new InstanceLimits(config);
    this.#slots = new Slots(slotLimitsOf(config));
    this.#overdue = new OverdueHandlers({
      slots: this.#slots,
      patienceMs: () => Math.max(stuckLeastMs, this.#timeoutMs),
      onChange: onStuck,
    });
    this.#endpoints = new Map(
      Object.entries(plugin.capabilities).map(([id, one]) => [
        id,
        {
          capability: one,
          validateInput: createValidator(one.input as Record<string, unknown>),
          validateOutput: createValidator(one.output as Record<string, unknown>),
        },
      ]),
    );
    this.statistics = new Statistics([...this.#endpoints.keys()]);
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  get queued(): number {
    return this.#slots.queued;
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
    this.#timeoutMs = timeoutMsOf(config);
    this.#limits.configure(config);
    this.#slots.limits = slotLimitsOf(config);
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
    this.#nested?.close(() => new BkgError('CANCELLED', `The instance of ${this.#plugin.id} has ended.`));
  }

  /** Takes one message of an invoke subject. */
  accept(msg: Msg): void {
    // The reply subject is the caller's choice, and the plugin would publish to whatever it names.
    if (msg.reply && !msg.reply.startsWith(inboxRoot)) {
      this.#log.warn({ reply: msg.reply }, `refused a request whose reply subject is not under ${inboxRoot}`);
      return;
    }
    const work = this.#answer(msg)
      // Nothing is known to come here; if it does, it must not end the process for everybody else.
      .catch((error: unknown) => this.#log.fatal({ error }, 'an invocation could not be answered'))
      .finally(() => this.#running.delete(work));
    this.#running.add(work);
  }

  async #answer(msg: Msg): Promise<void> {
    const named = capabilityOf(msg.subject);
    const invocation = new Invocation({
      msg,
      // Until the body is read, which comes later: it may be large.
      capability: named ?? '',
      timeoutMs: this.#timeoutMs,
      nested: () => (this.#nested ??= new BrokerCalls(this.#connection)),
      log: this.#log,
    });
    const first = this.#inFlight.get(invocation.invocationId);
    if (first) {
      invocation.close();
      // Who took it for lost has sent it again, and waits for one answer: the first one's.
      if (first.msg.reply === msg.reply) return;
      return this.#fail(invocation, conflict(invocation.invocationId));
    }
    this.#inFlight.set(invocation.invocationId, invocation);
    try {
      assertHeaders(msg);
      if (named !== undefined) {
        this.#endpointOf(named);
        this.#limits.take(named);
      }
      await this.#slots.take(invocation.ended);
      await this.#run(invocation, named);
    } catch (error) {
      this.#fail(invocation, error);
    } finally {
      invocation.close();
      this.#inFlight.delete(invocation.invocationId);
    }
  }

  /** With a slot: it is given back when the handler has ended, which may be after the answer. */
  async #run(invocation: Invocation, named: string | undefined): Promise<void> {
    let handled: Promise<unknown> | undefined;
    try {
      const { id, payload } =
        named === undefined
          ? this.#readEnvelope(invocation.msg)
          : { id: named, payload: decodeJson(invocation.msg.data) };
      invocation.capability = id;
      const { capability, validateInput, validateOutput } = this.#endpointOf(id);
      // Only now it is known which of the capabilities it is.
      if (named === undefined) this.#limits.take(id);
      const errors = validateInput(payload, invocation.msg.data.length);
      if (errors.length > 0) throw invalidPayload(errors);
      invocation.signal.throwIfAborted();
      handled = Promise.resolve(capability.handler(payload as never, invocation));
      const output = await Promise.race([handled.catch(rethrowAsRun), invocation.ended]);
      const text = JSON.stringify(output);
      const wrong =
        text === undefined
          ? [{ path: '', message: 'is no JSON value' }]
          : validateOutput(output, text.length);
      if (wrong.length > 0) throw invalidOutput(id, wrong);
      this.#succeed(invocation, text);
    } finally {
      if (handled) {
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
      } else this.#giveBack(false);
    }
  }

  #giveBack(isOverdue: boolean): void {
    this.#slots.give();
    if (isOverdue) this.#overdue.remove();
    else this.#overdue.look();
  }

  #succeed(invocation: Invocation, text: string): void {
    try {
      // A message without a reply subject is carried out like any other; its sender does not want to know.
      const { msg } = invocation;
      if (msg.reply && !this.#connection.respond(msg, text)) invocation.log.error('the reply was lost');
    } catch (error) {
      // PAYLOAD_TOO_LARGE would say that nothing was executed.
      if (error instanceof BkgError)
        throw invalidOutput(invocation.capability, [{ path: '', message: error.message }]);
      throw error;
    }
    this.statistics.count(invocation.capability, performance.now() - invocation.receivedAt);
  }

  #fail(invocation: Invocation, error: unknown): void {
    const problem = this.#problemOf(invocation, error);
    const { msg } = invocation;
    const retryAfterSecs = error instanceof BkgError ? error.retryAfterSecs : undefined;
    if (msg.reply && !respondProblem(this.#connection, msg, problem, retryAfterSecs))
      invocation.log.error('the reply was lost');
    const durationMs = performance.now() - invocation.receivedAt;
    this.statistics.count(invocation.capability, durationMs, `${problem.code}: ${problem.detail}`);
    const level = problem.status >= 500 ? 'warn' : 'debug';
    invocation.log[level]({ code: problem.code, duration_ms: Math.round(durationMs) }, problem.detail);
  }

  /** The failure as the caller is told of it; what nobody foresaw goes to the log and not to the caller. */
  #problemOf(invocation: Invocation, error: unknown): Problem {
    if (error instanceof BkgError) return error.problem;
    const declared =
      error instanceof PluginError
        ? this.#endpoints.get(invocation.capability)?.capability.errors?.[error.code]
        : undefined;
    if (declared && error instanceof PluginError) {
      return problemOf(error.code, declared, error.message, error.errors);
    }
    invocation.log.error({ error }, 'the handler failed');
    const where = `${this.#plugin.id} failed in ${invocation.capability}`;
    const detail = `${where}; its log says why, at invocation ${shortToken(invocation.invocationId)}.`;
    return problemOf('INTERNAL', errorTable.INTERNAL, detail);
  }

  #endpointOf(capability: string): Endpoint {
    const endpoint = this.#endpoints.get(capability);
    if (endpoint) return endpoint;
    const known = [...this.#endpoints.keys()].join(', ');
    throw new BkgError(
      'CAPABILITY_NOT_FOUND',
      `${this.#plugin.id} has no capability "${capability.slice(0, 64)}"; it has ${known}.`,
    );
  }

  /** The body of `plugin.<id>.invoke`. */
  #readEnvelope(msg: Msg): { id: string; payload: unknown } {
    const body = decodeJson(msg.data) as { capability?: unknown; payload?: unknown } | null;
    const id = body?.capability;
    if (typeof id !== 'string') {
      throw invalidPayload([
        {
          path: '/capability',
          message: 'must be the id of a capability, beside "payload"; or name it in the subject',
        },
      ]);
    }
    return { id, payload: body?.payload ?? {} };
  }
}

function timeoutMsOf({ resources }: Pick<PluginConfig, 'resources'>): number {
  return resources.timeout_secs * 1_000;
}

function slotLimitsOf({ limits }: Pick<PluginConfig, 'limits'>): SlotLimits {
  return { maxConcurrency: limits.max_concurrency, maxQueue: limits.max_queue };
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

function invalidPayload(errors: PayloadError[]): BkgError {
  const list = errors.map(({ path, message }) => `${path || 'the payload'} ${message}`).join('; ');
  return new BkgError('INVALID_PAYLOAD', `The payload does not fit: ${list}.`, { errors });
}

function invalidOutput(capability: string, errors: PayloadError[]): BkgError {
  const list = errors.map(({ path, message }) => `${path || 'it'} ${message}`).join('; ');
  return new BkgError('INVALID_OUTPUT', `The result of ${capability} cannot be handed out: ${list}.`);
}

function conflict(invocationId: string): BkgError {
  return new BkgError('CONFLICT', `The invocation ${shortToken(invocationId)} is already running here.`);
}
