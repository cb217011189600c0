import type { Msg } from '@nats-io/nats-core';
import type { BrokerCalls } from './broker-calls.ts';
import type { Endpoint } from './endpoint.ts';
import type { Logger } from './logger.ts';
import { NestedCalls } from './nested-calls.ts';
import type { NestedInvocations } from './nested-calls.ts';
import { isContentType, isInRange } from './protocol/content-type.ts';
import { BkgError } from './protocol/errors.ts';
import { headerNames } from './protocol/headers.ts';
import type { ChunkWriter } from './stream/chunk-writer.ts';
import { createToken, shortToken } from './token.ts';
import { traceIdOf } from './trace.ts';
import type { UploadInput } from './upload-input.ts';

export { isNested } from './nested-calls.ts';

/** What a handler gets besides its input. */
export interface InvocationContext extends NestedInvocations {
  /** 128 bits chosen by the caller or the runtime; a secret of the caller, logs show its beginning. */
  readonly invocationId: string;
  readonly capability: string;
  /** Aborts at the deadline, when the caller cancels, and when a drain has used up its grace period. */
  readonly signal: AbortSignal;
  /** When the answer becomes useless, in ms since the epoch. */
  readonly deadlineAt: number;
  readonly remainingMs: () => number;
  /** Its lines carry the invocation and the trace. */
  readonly log: Logger;
  /** A header of the request. */
  readonly header: (name: string) => string | undefined;
  /**
   * Says what the bytes of the answer are, where the capability leaves it open (`image/*`): before it is returned, and of a
   * stream before its first chunk.
   * @throws Error for what is no content type, or none of the capability's
   */
  readonly respondAs: (contentType: string) => void;
}

export interface InvocationOptions {
  msg: Msg;
  capability: string;
  /** Default and ceiling of the time for an answer. */
  timeoutMs: number;
  /** Carries what the handler invokes itself. */
  nested: () => BrokerCalls;
  log: Logger;
}

/**
 * One request from its arrival to its one answer. `ended` rejects when the answer is due before the handler has one:
 * at the deadline and when it is cancelled.
 */
export class Invocation implements InvocationContext {
  readonly invocationId: string;
  /** Set once more when it was named in the body. */
  capability: string;
  readonly msg: Msg;
  /** Whether its caller has given it its id. */
  readonly isNamed: boolean;
  /** Its handler has been called. */
  hasRun = false;
  /** Sends its answer in parts, to who has asked for that. */
  chunks: ChunkWriter | undefined;
  /** Its payload, when that comes in parts. */
  upload: UploadInput | undefined;
  /** What the handler has said that its bytes are. */
  contentType: string | undefined;
  readonly deadlineAt: number;
  readonly receivedAt = performance.now();
  readonly #controller = new AbortController();
  readonly #nested: () => BrokerCalls;
  readonly #parentLog: Logger;
  readonly #ended = Promise.withResolvers<never>();
  readonly #timer: NodeJS.Timeout;
  #log: Logger | undefined;
  #ownCalls: NestedCalls | undefined;
  #responseTypes: readonly string[] = [];

  constructor({ msg, capability, timeoutMs, nested, log }: InvocationOptions) {
    this.msg = msg;
    this.capability = capability;
    this.#nested = nested;
    this.#parentLog = log;
    const givenId = msg.headers?.get(headerNames.invocationId);
    this.isNamed = Boolean(givenId);
    this.invocationId = givenId || createToken();
    const givenMs = Number(msg.headers?.get(headerNames.timeoutMs) || timeoutMs);
    const budgetMs = givenMs >= 0 ? Math.min(givenMs, timeoutMs) : timeoutMs;
    this.deadlineAt = Date.now() + budgetMs;
    this.#timer = setTimeout(() => {
      this.abort(new BkgError('DEADLINE_EXCEEDED', `${capability} did not answer within ${budgetMs} ms.`));
    }, budgetMs);
    // Whoever awaits it sees the rejection; when nobody does any more, it is of no interest.
    this.#ended.promise.catch(() => undefined);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get ended(): Promise<never> {
    return this.#ended.promise;
  }

  get log(): Logger {
    const traceId = traceIdOf(this.header(headerNames.traceparent));
    this.#log ??= this.#parentLog.child({
      capability: this.capability,
      invocation_id: shortToken(this.invocationId),
      ...(traceId && { trace_id: traceId }),
    });
    return this.#log;
  }

  /** It is known by now which capability it is. */
  enter({ id, responseTypes }: Endpoint): void {
    this.capability = id;
    this.#responseTypes = responseTypes;
  }

  /** Bound, because handlers take it out of the context. */
  readonly remainingMs = (): number => Math.max(0, this.deadlineAt - Date.now());

  readonly header = (name: string): string | undefined => this.msg.headers?.get(name) || undefined;

  get invoke(): NestedInvocations['invoke'] {
    return this.#nestedCalls().invoke;
  }

  get stream(): NestedInvocations['stream'] {
    return this.#nestedCalls().stream;
  }

  get fetch(): NestedInvocations['fetch'] {
    return this.#nestedCalls().fetch;
  }

  readonly respondAs = (contentType: string): void => {
    const types = this.#responseTypes;
    if (types.length === 0)
      throw new Error(`${this.capability} answers in JSON, which needs no content type: declare bytes().`);
    if (!isContentType(contentType) || !types.some((range) => isInRange(contentType, range)))
      throw new Error(`${this.capability} cannot respond as "${contentType}": it takes ${types.join(', ')}.`);
    this.contentType = contentType;
  };

  /** Makes the answer due now, with this failure. */
  abort(reason: BkgError): void {
    this.#controller.abort(reason);
    this.#ended.reject(reason);
  }

  /** To be called when the answer is on its way: there is nothing to wait for any more. */
  close(): void {
    clearTimeout(this.#timer);
    this.#ownCalls?.close();
  }

  #nestedCalls(): NestedCalls {
    const { signal, remainingMs, header } = this;
    return (this.#ownCalls ??= new NestedCalls({ calls: this.#nested, signal, remainingMs, header }));
  }
}
