import type { Msg, Subscription } from '@nats-io/nats-core';
import fp from 'fastify-plugin';
import {
  answerGraceMs,
  BkgError,
  configDefaults,
  headerNames,
  jsonContentType,
  LostCalls,
  NoRespondersError,
  RunningCall,
  subjects,
} from '@bkg/sdk';
import type { Broker } from '../mesh/broker.ts';
import type { CallHeaders } from './call-headers.ts';
import type { Catalog } from '../mesh/catalog.ts';
import { HeldCalls } from './held-calls.ts';
import type { HeldCallsOptions } from './held-calls.ts';
import type { Charge, LimitedCaller, RateLimits } from '../limits/rate-limits.ts';
import { missing } from '../mesh/readiness.ts';
import { unanswered } from '../mesh/unanswered.ts';

declare module 'fastify' {
  interface FastifyInstance {
    invocations: Invocations;
  }
}

export interface Call extends CallHeaders {
  pluginId: string;
  capability: string;
  body: Uint8Array;
  contentType: string | undefined;
  /** Who invokes; undefined where nobody is asked who they are. */
  caller?: LimitedCaller | undefined;
  /** Whether the caller may see more of the plugin than what it invokes. */
  mayRead: boolean;
  /** Hears what limits it, whether it is let through or not, before its answer. Not of one that nothing limits. */
  onCharge?: (charge: Charge) => void;
}

/** What is needed to send one again. */
interface Attempt {
  call: Call;
  timeoutMs: number;
  deadlineAt: number;
  controller: AbortController;
  running: RunningCall;
}

/** The reason of an abort by the gateway itself. */
const stopping = new Error('the gateway is stopping');

/**
 * Everything that is being invoked through this gateway: one request on the broker each, and nothing but the limits before it;
 * those of a `single_writer` plugin that nobody takes are held, and sent again.
 */
export class Invocations {
  readonly #broker: Broker;
  readonly #catalog: Catalog;
  readonly #limits: RateLimits;
  readonly #running: LostCalls;
  readonly #held: HeldCalls;
  #statusEvents: Subscription | undefined;

  constructor(broker: Broker, catalog: Catalog, limits: RateLimits, options: HeldCallsOptions = {}) {
    this.#broker = broker;
    this.#catalog = catalog;
    this.#limits = limits;
    this.#held = new HeldCalls({ broker, catalog, unanswered: (call) => this.#unanswered(call) }, options);
    this.#running = new LostCalls(broker, (detail) => new BkgError('PLUGIN_CRASHED', detail));
    broker.onStatus((connected) => this.#connectionChanged(connected));
    if (broker.connected) this.#connectionChanged(true);
  }

  /** Ends all that is running. */
  cutOff(): void {
    this.#held.close();
    this.#running.endAll(() => stopping);
    this.#statusEvents?.unsubscribe();
  }

  /**
   * @param controller aborted by the caller who has lost interest, and by this when the gateway stops or the broker has
   *   lost the invocation: one for all, because joining signals costs more than the rest of this
   * @returns the reply, which may be a failure
   * @throws BkgError when there is no reply; RATE_LIMITED before anything is sent
   */
  async run(call: Call, controller: AbortController): Promise<Msg> {
    if (controller.signal.aborted) {
      throw new BkgError('CANCELLED', 'The invocation was cancelled before it was sent on.');
    }
    this.#charge(call);
    const timeoutMs = this.#timeoutMs(call);
    const deadlineAt = performance.now() + timeoutMs;
    const running = new RunningCall({
      plugin: call.pluginId,
      invocationId: call.invocationId,
      deadlineAt,
      controller,
      isIdempotent: () => this.#isIdempotent(call),
      headers: (leftMs) => headersOf(call, leftMs),
    });
    const attempt: Attempt = { call, timeoutMs, deadlineAt, controller, running };
    this.#running.add(running);
    try {
      return await this.#request(attempt, timeoutMs);
    } catch (error) {
      if (!(error instanceof NoRespondersError)) throw this.#explain(attempt, error);
      return await this.#hold(attempt);
    } finally {
      this.#running.delete(running);
    }
  }

  /** @throws BkgError RATE_LIMITED */
  #charge(call: Call): void {
    // While the broker is away nothing gets through: that is what is said then, and costs nothing.
    const charge = this.#broker.connected ? this.#limits.charge(call) : undefined;
    if (!charge) return;
    call.onCharge?.(charge);
    if (charge.refusal) throw charge.refusal;
  }

  #connectionChanged(connected: boolean): void {
    this.#running.connectionChanged(connected);
    if (!connected) return;
    this.#statusEvents ??= this.#broker.subscribe(subjects.events('status'), (msg) =>
      this.#running.statusEvent(msg),
    );
  }

  /** Nobody has got it. @throws BkgError at once when it is not held */
  async #hold(attempt: Attempt): Promise<Msg> {
    const { call, timeoutMs, deadlineAt, controller, running } = attempt;
    // Until it is sent again there is nothing that the broker could lose.
    this.#running.delete(running);
    const { pluginId, capability, mayRead, body } = call;
    const send = (): Promise<Msg> => this.#sendAgain(attempt);
    try {
      return await this.#held.run({
        pluginId,
        capability,
        mayRead,
        body,
        timeoutMs,
        deadlineAt,
        controller,
        send,
      });
    } catch (error) {
      throw running.explain(error);
    }
  }

  /** @throws NoRespondersError; what `run` throws */
  async #sendAgain(attempt: Attempt): Promise<Msg> {
    const { deadlineAt, running } = attempt;
    const { loss } = running;
    const leftMs = Math.max(1, Math.floor(deadlineAt - performance.now()));
    this.#running.add(running);
    try {
      return await this.#request(attempt, leftMs);
    } catch (error) {
      // Somebody had it, and died with it, when it has been sent another time meanwhile.
      const isUntaken = error instanceof NoRespondersError && running.loss === loss;
      throw isUntaken ? error : this.#explain(attempt, error);
    } finally {
      this.#running.delete(running);
    }
  }

  #request({ call, controller, running }: Attempt, timeoutMs: number): Promise<Msg> {
    return this.#broker.request(subjects.invokeCapability(call.pluginId, call.capability), call.body, {
      timeoutMs: timeoutMs + answerGraceMs,
      signal: controller.signal,
      headers: headersOf(call, timeoutMs),
      onSend: running.onSend,
    });
  }

  #timeoutMs({ pluginId, timeoutMs }: Call): number {
    const { resources } = this.#catalog.get(pluginId)?.config ?? configDefaults;
    const mostMs = resources.timeout_secs * 1_000;
    return timeoutMs === undefined ? mostMs : Math.min(timeoutMs, mostMs);
  }

  #isIdempotent({ pluginId, capability }: Call): boolean {
    const { capabilities = [] } = this.#catalog.get(pluginId) ?? {};
    return capabilities.some(({ id, idempotent }) => id === capability && idempotent);
  }

  #explain({ call, timeoutMs, controller, running }: Attempt, error: unknown): unknown {
    const { pluginId, capability } = call;
    const reason: unknown = controller.signal.reason;
    if (!(error instanceof BkgError)) return error;
    if (error.code === 'DEADLINE_EXCEEDED') {
      this.#cancel(call);
      return new BkgError(
        'DEADLINE_EXCEEDED',
        `${capability} of ${pluginId} did not answer within ${timeoutMs} ms.`,
      );
    }
    if (error.code === 'CANCELLED') {
      this.#cancel(call);
      if (reason instanceof BkgError) return reason;
      const why =
        reason === stopping ? 'was cut off: the gateway is stopping' : 'was cancelled by its caller';
      return new BkgError('CANCELLED', `The invocation of ${capability} ${why}.`);
    }
    return running.explain(error);
  }

  #unanswered({
    pluginId,
    capability,
    mayRead,
  }: Pick<Call, 'pluginId' | 'capability' | 'mayRead'>): BkgError {
    const entry = this.#catalog.get(pluginId);
    const why = entry ? undefined : missing(this.#broker, this.#catalog);
    if (why) return new BkgError('PLUGIN_UNAVAILABLE', `Nobody answers for ${pluginId}. ${why}`);
    return unanswered(pluginId, capability, entry, this.#catalog.unknownSince(pluginId), mayRead);
  }

  #cancel({ pluginId, invocationId }: Call): void {
    this.#broker.publish(subjects.cancel(pluginId), JSON.stringify({ invocation_id: invocationId }));
  }
}

function headersOf(call: Call, timeoutMs: number): Record<string, string | undefined> {
  const { contentType } = call;
  return {
    [headerNames.invocationId]: call.invocationId,
    [headerNames.timeoutMs]: String(timeoutMs),
    [headerNames.traceparent]: call.traceparent,
    [headerNames.tracestate]: call.tracestate,
    [headerNames.contentType]: contentType === jsonContentType ? undefined : contentType,
  };
}

/** Decorates `invocations`, one for HTTP and `/ws`: what the broker has lost is asked for once. */
export const invocations = fp<{ hold?: HeldCallsOptions }>(
  async (app, { hold }) => {
    app.decorate('invocations', new Invocations(app.broker, app.catalog, app.rateLimits, hold));
    app.cutOff.addEventListener('abort', () => app.invocations.cutOff());
    app.addHook('onClose', async () => app.invocations.cutOff());
  },
  { name: 'invocations', dependencies: ['mesh-watch', 'limits', 'shutdown'] },
);
