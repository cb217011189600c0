import type { BrokerCalls } from './broker-calls.ts';
import type { StreamAttempt } from './broker-stream.ts';
import { ClientStream } from './client/client-stream.ts';
import type { InvocationStream, InvokeOptions, StreamOptions } from './client/client.ts';
import { explain } from './client/invoke.ts';
import { openAnswer } from './client/nats/answer.ts';
import type { Answer } from './client/nats/answer.ts';
import { fetchCall } from './client/nats/fetch-call.ts';
import type { FetchOptions } from './client/nats/fetch-call.ts';
import { assertNames } from './client/nats/names.ts';
import { ask, openJsonStream } from './client/nats/open-stream.ts';
import { readOutput } from './client/nats/output.ts';
import { jsonOf } from './client/payload.ts';
import { assertWindow } from './client/window.ts';
import { BkgError } from './protocol/errors.ts';
import { headerNames } from './protocol/headers.ts';
import { createToken } from './token.ts';

export interface NestedOptions {
  /** Running it twice does no harm: it is sent once more when the instance that had it is gone. @default false */
  idempotent?: boolean;
}

export interface NestedStreamOptions extends NestedOptions, Pick<StreamOptions, 'window'> {}

export interface NestedFetchOptions
  extends NestedStreamOptions, Pick<FetchOptions, 'body' | 'contentType' | 'sizeBytes'> {}

/** What a handler invokes itself, in the trace and within the time of its own invocation. */
export interface NestedInvocations {
  /**
   * Invokes a capability of another plugin, in the same trace, within the time that is left, and cancelled with this
   * invocation. When the instance that holds it dies, it fails at once, or is sent once more.
   * @throws InvocationError with the code that the other plugin failed with, PLUGIN_CRASHED when it died; CANCELLED also when
   *   this instance ends
   */
  readonly invoke: (
    pluginId: string,
    capability: string,
    payload: unknown,
    options?: NestedOptions,
  ) => Promise<unknown>;
  /**
   * The same for an answer in chunks: slow reading makes the other plugin wait, leaving the loop cancels it, and so does
   * the end of this invocation. Iterating throws what `invoke` does.
   */
  readonly stream: (
    pluginId: string,
    capability: string,
    payload: unknown,
    options?: NestedStreamOptions,
  ) => InvocationStream;
  /** The same with bytes in and out, of whatever content type and length. @throws what `invoke` does */
  readonly fetch: (pluginId: string, capability: string, options?: NestedFetchOptions) => Promise<Answer>;
}

/** The invocation around them. */
export interface Surrounding {
  /** Carries them. */
  calls: () => BrokerCalls;
  signal: AbortSignal;
  remainingMs: () => number;
  header: (name: string) => string | undefined;
}

/** The functions are bound, because handlers take them out of the context. */
export class NestedCalls implements NestedInvocations {
  readonly #around: Surrounding;
  readonly #ending = new AbortController();

  constructor(around: Surrounding) {
    this.#around = around;
    const { signal } = around;
    const end = (): void => this.#ending.abort(signal.reason);
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  }

  readonly invoke: NestedInvocations['invoke'] = async (
    plugin,
    capability,
    payload,
    { idempotent = false } = {},
  ) => {
    const options = { ...this.#options({ idempotent }), signal: this.#around.signal };
    const call = { plugin, capability, json: jsonOf(payload), options };
    assertNames(call);
    const attempt = this.#attempt();
    return explained(
      attempt,
      async () => readOutput(call, await ask(this.#around.calls(), call, attempt)).value,
    );
  };

  readonly stream: NestedInvocations['stream'] = (plugin, capability, payload, { window, ...given } = {}) =>
    new ClientStream(
      { signal: this.#ending.signal, invocationId: createToken() },
      async ({ signal, invocationId }) => {
        const options = { ...this.#options(given), signal };
        const call = { plugin, capability, data: jsonOf(payload), options };
        assertNames(call);
        assertWindow(window);
        const attempt = { ...this.#attempt(invocationId), window };
        return explained(attempt, () => openJsonStream(this.#around.calls(), call, attempt));
      },
    );

  readonly fetch: NestedInvocations['fetch'] = async (plugin, capability, { window, ...given } = {}) => {
    const calls = this.#around.calls();
    const options = { ...given, ...this.#options(given) };
    const call = fetchCall(plugin, capability, options, calls.payloadMostBytes);
    assertNames(call);
    assertWindow(window);
    const attempt = { ...this.#attempt(), window };
    return explained(attempt, () => openAnswer(calls, call, attempt));
  };

  /** The invocation around them has its answer: nobody reads any more what is still coming. */
  close(): void {
    this.#ending.abort(new BkgError('CANCELLED', 'The invocation that had asked for it has ended.'));
  }

  #options({ idempotent = false }: NestedOptions): InvokeOptions & { signal: AbortSignal } {
    const { header } = this.#around;
    const traceparent = header(headerNames.traceparent);
    const tracestate = header(headerNames.tracestate);
    return {
      idempotent,
      signal: this.#ending.signal,
      ...(traceparent !== undefined && { traceparent }),
      ...(tracestate !== undefined && { tracestate }),
    };
  }

  #attempt(invocationId = createToken()): StreamAttempt {
    return { invocationId, timeoutMs: this.#around.remainingMs() };
  }
}

/** @throws InvocationError */
async function explained<T>({ invocationId }: StreamAttempt, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw explain(error, invocationId);
  }
}
