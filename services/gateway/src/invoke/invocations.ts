import type { Msg } from '@nats-io/nats-core';
import fp from 'fastify-plugin';
import {
  answerGraceMs,
  BkgError,
  configDefaults,
  headerNames,
  jsonContentType,
  LostCalls,
  NoRespondersError,
  subjects,
} from '@bkg/sdk';
import type { RunningCall } from '@bkg/sdk';
import type { Broker } from '../mesh/broker.ts';
import type { CallHeaders } from './call-headers.ts';
import type { Catalog } from '../mesh/catalog.ts';
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
}

/** The reason of an abort by the gateway itself. */
const stopping = new Error('the gateway is stopping');

/** Everything that is being invoked through this gateway: one request on the broker each, and nothing before it. */
export class Invocations {
  readonly #broker: Broker;
  readonly #catalog: Catalog;
  readonly #running: LostCalls;

  constructor(broker: Broker, catalog: Catalog) {
    this.#broker = broker;
    this.#catalog = catalog;
    this.#running = new LostCalls(broker, (detail) => new BkgError('PLUGIN_CRASHED', detail));
    broker.onStatus((connected) => this.#running.connectionChanged(connected));
  }

  /** Ends all that is running. */
  cutOff(): void {
    this.#running.endAll(() => stopping);
  }

  /**
   * @param controller aborted by the caller who has lost interest, and by this when the gateway stops or the broker has
   *   lost the invocation: one for all, because joining signals costs more than the rest of this
   * @returns the reply, which may be a failure
   * @throws BkgError when there is no reply
   */
  async run(call: Call, controller: AbortController): Promise<Msg> {
    const { pluginId, capability, contentType } = call;
    if (controller.signal.aborted) {
      throw new BkgError('CANCELLED', 'The invocation was cancelled before it was sent on.');
    }
    const timeoutMs = this.#timeoutMs(call);
    const running: RunningCall = {
      plugin: pluginId,
      invocationId: call.invocationId,
      isIdempotent: () => this.#isIdempotent(call),
      end: (error) => controller.abort(error),
    };
    this.#running.add(running);
    try {
      return await this.#broker.request(subjects.invokeCapability(pluginId, capability), call.body, {
        timeoutMs: timeoutMs + answerGraceMs,
        signal: controller.signal,
        headers: {
          [headerNames.invocationId]: call.invocationId,
          [headerNames.timeoutMs]: String(timeoutMs),
          [headerNames.traceparent]: call.traceparent,
          [headerNames.tracestate]: call.tracestate,
          [headerNames.contentType]: contentType === jsonContentType ? undefined : contentType,
        },
      });
    } catch (error) {
      throw this.#explain(call, timeoutMs, controller.signal.reason, error);
    } finally {
      this.#running.delete(running);
    }
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

  /** @param reason of the abort, if it was aborted */
  #explain(call: Call, timeoutMs: number, reason: unknown, error: unknown): unknown {
    const { pluginId, capability } = call;
    if (error instanceof NoRespondersError) return this.#unanswered(pluginId, capability);
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
    return error;
  }

  #unanswered(pluginId: string, capability: string): BkgError {
    const entry = this.#catalog.get(pluginId);
    const why = entry ? undefined : missing(this.#broker, this.#catalog);
    if (why) return new BkgError('PLUGIN_UNAVAILABLE', `Nobody answers for ${pluginId}. ${why}`);
    return unanswered(pluginId, capability, entry, this.#catalog.unknownSince(pluginId));
  }

  #cancel({ pluginId, invocationId }: Call): void {
    this.#broker.publish(subjects.cancel(pluginId), JSON.stringify({ invocation_id: invocationId }));
  }
}

/** Decorates `invocations`, one for HTTP and `/ws`: what the broker has lost is asked for once. */
export const invocations = fp(
  async (app) => {
    app.decorate('invocations', new Invocations(app.broker, app.catalog));
    app.cutOff.addEventListener('abort', () => app.invocations.cutOff());
    app.addHook('onClose', async () => app.invocations.cutOff());
  },
  { name: 'invocations', dependencies: ['mesh-watch', 'shutdown'] },
);
