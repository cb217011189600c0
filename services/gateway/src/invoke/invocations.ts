import type { Msg } from '@nats-io/nats-core';
import {
  BkgError,
  configDefaults,
  headerNames,
  jsonContentType,
  NoRespondersError,
  subjects,
} from '@bkg/sdk';
import type { Broker } from '../mesh/broker.ts';
import type { CallHeaders } from './call-headers.ts';
import type { Catalog } from '../mesh/catalog.ts';
import { missing } from '../mesh/readiness.ts';
import { unanswered } from '../mesh/unanswered.ts';

export interface Call extends CallHeaders {
  pluginId: string;
  capability: string;
  body: Uint8Array;
  contentType: string | undefined;
}

/** The plugin keeps the deadline itself and has the better answer: it gets this much longer to send it. */
const graceMs = 500;
/** The reason of an abort by the gateway itself. */
const stopping = new Error('the gateway is stopping');

/** Everything that is being invoked through this gateway: one request on the broker each, and nothing before it. */
export class Invocations {
  readonly #broker: Broker;
  readonly #catalog: Catalog;
  readonly #running = new Set<AbortController>();

  /** @param cutOff ends all that is running */
  constructor(broker: Broker, catalog: Catalog, cutOff: AbortSignal) {
    this.#broker = broker;
    this.#catalog = catalog;
    cutOff.addEventListener('abort', () => {
      for (const controller of this.#running) controller.abort(stopping);
    });
  }

  /**
   * @param controller aborted by the caller who has lost interest, and by this when the gateway stops: one for both,
   *   because joining signals costs more than the rest of this
   * @returns the reply, which may be a failure
   * @throws BkgError when there is no reply
   */
  async run(call: Call, controller: AbortController): Promise<Msg> {
    const { pluginId, capability, contentType } = call;
    if (controller.signal.aborted) {
      throw new BkgError('CANCELLED', 'The invocation was cancelled before it was sent on.');
    }
    const timeoutMs = this.#timeoutMs(call);
    this.#running.add(controller);
    try {
      return await this.#broker.request(subjects.invokeCapability(pluginId, capability), call.body, {
        timeoutMs: timeoutMs + graceMs,
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
      throw this.#explain(call, timeoutMs, controller.signal.reason === stopping, error);
    } finally {
      this.#running.delete(controller);
    }
  }

  #timeoutMs({ pluginId, timeoutMs }: Call): number {
    const { resources } = this.#catalog.get(pluginId)?.config ?? configDefaults;
    const mostMs = resources.timeout_secs * 1_000;
    return timeoutMs === undefined ? mostMs : Math.min(timeoutMs, mostMs);
  }

  #explain(call: Call, timeoutMs: number, isStopping: boolean, error: unknown): unknown {
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
      const why = isStopping ? 'was cut off: the gateway is stopping' : 'was cancelled by its caller';
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
