import type { Msg } from '@nats-io/nats-core';
import { BrokerStream } from './broker-stream.ts';
import type { StreamAttempt, StreamCall } from './broker-stream.ts';
import { ConnectionLostError } from './client/errors.ts';
import { cancelled, late } from './client/invoke.ts';
import type { Attempt, Call, Target } from './client/invoke.ts';
import type { Connection } from './connection.ts';
import { callHeaders } from './call-headers.ts';
import { LostCalls } from './lost-calls.ts';
import type { LostCallsOptions } from './lost-calls.ts';
import type { HeaderValues } from './outgoing.ts';
import { BkgError } from './protocol/errors.ts';
import { answerGraceMs } from './protocol/headers.ts';
import { subjects } from './protocol/subjects.ts';
import { RunningCall } from './running-call.ts';
import { StatusWatch } from './status-watch.ts';

/** One try. Without `mayResend` it is sent again once when it is idempotent and its instance is gone. */
export type BrokerAttempt = Pick<Attempt, 'invocationId' | 'timeoutMs'> & Partial<Pick<Attempt, 'mayResend'>>;

/**
 * Invocations over a connection to the broker, of a client and of the handlers of an instance: what the broker has lost,
 * or an instance that died, is not waited for. Nothing is subscribed to before the first.
 */
export class BrokerCalls {
  readonly #connection: Connection;
  readonly #lost: LostCalls;
  readonly #statusWatch: StatusWatch;
  readonly #unwatch: () => void;
  #closed: (() => Error) | undefined;

  constructor(connection: Connection, lost?: LostCallsOptions) {
    this.#connection = connection;
    this.#lost = new LostCalls(connection, (detail) => new ConnectionLostError(detail), lost);
    this.#statusWatch = new StatusWatch(connection, (msg) => this.#lost.statusEvent(msg));
    this.#unwatch = connection.onStatus((connected) => this.#lost.connectionChanged(connected));
  }

  /** The largest payload that goes in one message. */
  get payloadMostBytes(): number {
    return Math.max(0, this.#connection.maxPayloadBytes - headersMostBytes);
  }

  /**
   * @returns the reply, which may be a failure
   * @throws BkgError when there is none: NoRespondersError, CANCELLED, DEADLINE_EXCEEDED, PLUGIN_CRASHED …; who had it
   *   was told to give it up
   */
  async send(call: Call, attempt: BrokerAttempt): Promise<Msg> {
    const { plugin, capability, options } = call;
    const { invocationId, timeoutMs, mayResend } = attempt;
    this.#assertOpen(call);
    const controller = new AbortController();
    const headers = (leftMs: number): HeaderValues => callHeaders(invocationId, leftMs, options);
    const running = new RunningCall({
      plugin,
      invocationId,
      deadlineAt: performance.now() + timeoutMs,
      controller,
      isIdempotent: () => options.idempotent ?? false,
      ...(mayResend && { mayResend }),
      headers,
    });
    const leave = this.#follow(running, controller, call);
    try {
      return await this.#connection.request(subjects.invokeCapability(plugin, capability), call.json, {
        timeoutMs: timeoutMs + answerGraceMs,
        signal: controller.signal,
        headers: headers(timeoutMs),
        onSend: running.onSend,
      });
    } catch (error) {
      const isLate = error instanceof BkgError && error.code === 'DEADLINE_EXCEEDED';
      if (isLate || controller.signal.aborted) this.#cancel(plugin, invocationId);
      if (controller.signal.aborted) throw controller.signal.reason;
      throw isLate ? late(call, attempt) : running.explain(error);
    } finally {
      leave();
    }
  }

  /**
   * The same for an answer that may come in chunks, and a payload that may be sent so. Whenever it ends early, who has it
   * is told to give it up.
   * @throws BkgError when it cannot be sent now; everything later is thrown where the stream is read
   */
  stream(call: StreamCall, attempt: StreamAttempt): BrokerStream {
    this.#assertOpen(call);
    return new BrokerStream(this.#connection, call, attempt, {
      follow: (running, controller) => this.#follow(running, controller, call),
      cancel: () => this.#cancel(call.plugin, attempt.invocationId),
    });
  }

  /** Ends everything that runs, and what comes later, each with an error of its own. */
  close(why: () => Error): void {
    this.#closed = why;
    this.#unwatch();
    this.#lost.endAll(why);
    this.#statusWatch.close();
  }

  #assertOpen(call: Target): void {
    if (this.#closed) throw this.#closed();
    if (call.options.signal?.aborted) throw cancelled(call);
  }

  /** From before it is sent. @returns ends it */
  #follow(running: RunningCall, controller: AbortController, call: Target): () => void {
    const { signal } = call.options;
    const watched = this.#statusWatch.enter(running.plugin);
    const abort = (): void => controller.abort(cancelled(call));
    signal?.addEventListener('abort', abort);
    this.#lost.add(running);
    return () => {
      this.#lost.delete(running);
      if (watched) watched.running -= 1;
      signal?.removeEventListener('abort', abort);
    };
  }

  #cancel(plugin: string, invocationId: string): void {
    this.#connection.publish(subjects.cancel(plugin), JSON.stringify({ invocation_id: invocationId }));
  }
}

/** What is kept free of a message for its headers. */
const headersMostBytes = 64 * 1024;
