import type { Msg } from '@nats-io/nats-core';
import { nowhere } from './brief-set.ts';
import type { Placed } from './brief-set.ts';
import type { BrokerCalls } from './broker-calls.ts';
import type { Endpoint } from './endpoint.ts';
import type { Logger } from './logger.ts';
import type { MessageHeaders } from './message-headers.ts';
import { NestedCalls } from './nested-calls.ts';
import type { NestedInvocations } from './nested-calls.ts';
import { isContentType, isInRange } from './protocol/content-type.ts';
import { BkgError } from './protocol/errors.ts';
import { headerNames } from './protocol/headers.ts';
import type { ChunkWriter } from './stream/chunk-writer.ts';
import { createToken, shortToken } from './token.ts';
import { traceIdOf } from './trace.ts';
import type { UploadInput } from './upload-input.ts';

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
  headers: MessageHeaders;
  capability: string;
  /** Default and ceiling of the time for an answer. */
  timeoutMs: number;
  /** Carries what the handler invokes itself. */
  nested: () => BrokerCalls;
  log: Logger;
}

/**
 * One request from its arrival to its one answer. That may be due before the handler has one: at the deadline and when it is
 * cancelled. Most invocations are answered at once, and their handlers look at their input only: what few ask for is made
 * when it is asked for.
 */
export class Invocation implements InvocationContext, Placed {
  place = nowhere;
  /** Set once more when it was named in the body. */
  capability: string;
  /** The capability in its subject; '' when there is none. */
  readonly named: string;
  readonly msg: Msg;
  /** Its payload. nats.js makes it anew each time that it is asked. */
  readonly body: Uint8Array;
  readonly headers: MessageHeaders;
  /** Whether its caller has given it its id. */
  readonly isNamed: boolean;
  /** Its handler has been called. */
  hasRun = false;
  /** It fails with what another invocation has failed with: whether something was executed, that says of the other. */
  passesOn = false;
  /** Sends its answer in parts, to who has asked for that. */
  chunks: ChunkWriter | undefined;
  /** Its payload, when that comes in parts. */
  upload: UploadInput | undefined;
  /** What the handler has said that its bytes are. */
  contentType: string | undefined;
  readonly receivedAt = performance.now();
  readonly #nested: () => BrokerCalls;
  readonly #parentLog: Logger;
  readonly #budgetMs: number;
  #id: string | undefined;
  #deadlineAt: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #endedBy: BkgError | undefined;
  #controller: AbortController | undefined;
  #onEnd: ((why: BkgError) => void) | undefined;
  #log: Logger | undefined;
  #ownCalls: NestedCalls | undefined;
  #responseTypes: readonly string[] = [];

  constructor({ msg, headers, capability, timeoutMs, nested, log }: InvocationOptions) {
    this.msg = msg;
    this.body = msg.data;
    this.headers = headers;
    this.capability = capability;
    this.named = capability;
    this.#nested = nested;
    this.#parentLog = log;
    this.#id = headers.get(headerNames.invocationId) || undefined;
    this.isNamed = this.#id !== undefined;
    const givenMs = Number(headers.get(headerNames.timeoutMs) || timeoutMs);
    this.#budgetMs = givenMs >= 0 ? Math.min(givenMs, timeoutMs) : timeoutMs;
  }

  get deadlineAt(): number {
    return (this.#deadlineAt ??= Date.now() + Math.round(this.#leftMs));
  }

  get invocationId(): string {
    return (this.#id ??= createToken());
  }

  get signal(): AbortSignal {
    this.#startClock();
    this.#controller ??= new AbortController();
    if (this.#endedBy && !this.#controller.signal.aborted) this.#controller.abort(this.#endedBy);
    return this.#controller.signal;
  }

  /** Why its answer was due before its handler had one. */
  get endedBy(): BkgError | undefined {
    return this.#endedBy;
  }

  /** What becomes of something that is waited for, one after the other, unless the answer is due before. */
  outcomeOf<T>(work: PromiseLike<T>): Promise<T> {
    this.#startClock();
    return new Promise((resolve, reject) => {
      work.then(resolve, reject);
      if (this.#endedBy) reject(this.#endedBy);
      else this.#onEnd = reject;
    });
  }

  /** Whether lines of this level are written: to make its log for one that is not costs more than to refuse it. */
  logs(level: 'warn' | 'debug'): boolean {
    return this.#parentLog.isLevelEnabled(level);
  }

  get log(): Logger {
    return (this.#log ??= this.#createLog());
  }

  /** It is known by now which capability it is. */
  enter({ id, responseTypes }: Endpoint): void {
    this.capability = id;
    this.#responseTypes = responseTypes;
  }

  /** Bound, because handlers take it out of the context. */
  get remainingMs(): () => number {
    return () => Math.max(0, this.deadlineAt - Date.now());
  }

  get header(): (name: string) => string | undefined {
    return (name) => this.headers.get(name) || undefined;
  }

  get invoke(): NestedInvocations['invoke'] {
    return this.#nestedCalls().invoke;
  }

  get stream(): NestedInvocations['stream'] {
    return this.#nestedCalls().stream;
  }

  get fetch(): NestedInvocations['fetch'] {
    return this.#nestedCalls().fetch;
  }

  get respondAs(): (contentType: string) => void {
    return (contentType) => {
      const types = this.#responseTypes;
      if (types.length === 0)
        throw new Error(`${this.capability} answers in JSON, which needs no content type: declare bytes().`);
      if (!isContentType(contentType) || !types.some((range) => isInRange(contentType, range)))
        throw new Error(
          `${this.capability} cannot respond as "${contentType}": it takes ${types.join(', ')}.`,
        );
      this.contentType = contentType;
    };
  }

  /** Makes the answer due now, with this failure; the first counts. */
  abort(reason: BkgError): void {
    this.#endedBy ??= reason;
    this.#controller?.abort(this.#endedBy);
    this.#onEnd?.(this.#endedBy);
  }

  /** Its time is over. */
  expire(): void {
    const detail = `${this.capability} did not answer within ${this.#budgetMs} ms.`;
    this.abort(new BkgError('DEADLINE_EXCEEDED', detail));
  }

  /** To be called when the answer is on its way: there is nothing to wait for any more. */
  close(): void {
    clearTimeout(this.#timer);
    this.#ownCalls?.close();
  }

  /** An answer that is there in the turn in which the request came needs none: nothing could stop its handler. */
  #startClock(): void {
    this.#timer ??= setTimeout(expire, Math.max(0, this.#leftMs), this);
  }

  get #leftMs(): number {
    return this.#budgetMs - (performance.now() - this.receivedAt);
  }

  #createLog(): Logger {
    const traceId = traceIdOf(this.header(headerNames.traceparent));
    return this.#parentLog.child({
      capability: this.capability,
      invocation_id: shortToken(this.invocationId),
      ...(traceId && { trace_id: traceId }),
    });
  }

  #nestedCalls(): NestedCalls {
    const { signal, remainingMs, header } = this;
    return (this.#ownCalls ??= new NestedCalls({ calls: this.#nested, signal, remainingMs, header }));
  }
}

/** One function for the timers of all, and no closure for each. */
function expire(invocation: Invocation): void {
  invocation.expire();
}
