import { Server } from '@nestjs/microservices';
import type { CustomTransportStrategy, MessageHandler } from '@nestjs/microservices';
import type { Msg, Subscription } from '@nats-io/nats-core';
import { defaultIfEmpty, lastValueFrom } from 'rxjs';
import type { Observable } from 'rxjs';
import type { Connection } from '../connection.ts';
import { headerFault } from '../header-fault.ts';
import type { Logger } from '../logger.ts';
import { decodeJson, problemOfError, respondProblem } from '../problem.ts';
import { BkgError } from '../protocol/errors.ts';
import { headerNames } from '../protocol/headers.ts';
import { inboxRoot, isInbox } from '../protocol/subjects.ts';
import { BkgContext } from './context.ts';

export interface BkgServerOptions {
  /** Stays open when the server closes: it is the owner's. */
  connection: Connection;
  log: Logger;
  /** Requests of one subject go to one member of this group. @default every server answers */
  queue?: string;
  /** Default and ceiling of the time for an answer. */
  timeoutMs: number;
  /** Requests that are worked on at the same time; one more is answered BUSY. @default 1000 */
  maxConcurrency?: number;
}

/** Each `@MessagePattern('<subject>')`, wildcards included, becomes one subscription; `@EventPattern` has no reply. */
export class BkgServer extends Server implements CustomTransportStrategy {
  readonly #options: BkgServerOptions;
  /** One for each request that is worked on; one signal for all would keep what listens to it as long as this server. */
  readonly #open = new Set<AbortController>();
  readonly #running = new Set<Promise<void>>();
  #subscriptions: Subscription[] = [];

  constructor(options: BkgServerOptions) {
    super();
    this.#options = options;
  }

  listen(callback: () => void): void {
    const { connection, queue } = this.#options;
    this.#subscriptions = [...this.messageHandlers].map(([pattern, handler]) =>
      connection.subscribe(pattern, {
        ...(queue && { queue }),
        callback: (error, msg) => {
          if (!error) this.#accept(msg, handler);
        },
      }),
    );
    // The broker must know the subscriptions before anybody is told that we listen.
    void connection.flush().then(() => callback());
  }

  /** Takes no new message and waits for those it has. */
  async close(): Promise<void> {
    await this.#options.connection.drain(this.#subscriptions);
    for (const ending of this.#open)
      ending.abort(new BkgError('PLUGIN_UNAVAILABLE', 'This program is ending; try again.'));
    await Promise.all(this.#running);
  }

  override on(): void {
    throw new Error('BkgServer has no events of its own: listen to Connection.onStatus.');
  }

  override unwrap<T>(): T {
    return this.#options.connection.nats as T;
  }

  #accept(msg: Msg, handler: MessageHandler): void {
    // Who may send a request would otherwise make us publish to any subject by naming it as the reply's.
    if (msg.reply && !isInbox(msg.reply)) {
      this.#options.log.warn(
        { reply: msg.reply },
        `refused a request whose reply subject is not under ${inboxRoot}`,
      );
      return;
    }
    const fault = headerFault(msg);
    if (fault !== undefined) return this.#refuseHeaders(msg, handler, fault);
    const work = this.#answer(msg, handler).finally(() => this.#running.delete(work));
    this.#running.add(work);
  }

  /** Whoever looks at them later would be what fails. */
  #refuseHeaders(msg: Msg, { isEventHandler }: MessageHandler, fault: string): void {
    const { connection, log } = this.#options;
    log.warn({ subject: msg.subject }, `refused a message whose headers cannot be read (${fault})`);
    if (!msg.reply || isEventHandler) return;
    const detail = `The headers of the request cannot be read (${fault}): send each in one line, with a name in ASCII.`;
    respondProblem(connection, msg, problemOfError(new BkgError('INVALID_PAYLOAD', detail)));
  }

  async #answer(msg: Msg, handler: MessageHandler): Promise<void> {
    const { connection, log, maxConcurrency = 1_000 } = this.#options;
    // An event may be sent as a request; nobody has promised it an answer.
    const isAsked = msg.reply !== undefined && msg.reply !== '' && !handler.isEventHandler;
    const ending = new AbortController();
    this.#open.add(ending);
    const { signal } = ending;
    const timeoutMs = this.#timeoutMsOf(msg);
    const timer = setTimeout(() => {
      ending.abort(
        new BkgError('DEADLINE_EXCEEDED', `${msg.subject} did not answer within ${timeoutMs} ms.`),
      );
    }, timeoutMs);
    try {
      if (this.#running.size >= maxConcurrency) {
        throw new BkgError(
          'BUSY',
          `${maxConcurrency} requests are worked on, which is the limit: try again shortly.`,
        );
      }
      const payload = msg.data.length > 0 ? decodeJson(msg.data) : undefined;
      const result = await Promise.race([
        this.#handle(handler, payload, new BkgContext([msg, signal])),
        rejectWhenAborted(signal),
      ]);
      if (isAsked) connection.respond(msg, JSON.stringify(result ?? null));
    } catch (error) {
      if (!(error instanceof BkgError)) log.error({ error, subject: msg.subject }, 'a handler failed');
      if (isAsked) respondProblem(connection, msg, problemOfError(error));
    } finally {
      clearTimeout(timer);
      this.#open.delete(ending);
    }
  }

  async #handle(handler: MessageHandler, payload: unknown, context: BkgContext): Promise<unknown> {
    const result = this.transformToObservable(await handler(payload, context)) as Observable<unknown>;
    return lastValueFrom(result.pipe(defaultIfEmpty(undefined)));
  }

  #timeoutMsOf(msg: Msg): number {
    const given = Number(msg.headers?.get(headerNames.timeoutMs) || this.#options.timeoutMs);
    return given >= 0 ? Math.min(given, this.#options.timeoutMs) : this.#options.timeoutMs;
  }
}

function rejectWhenAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- the reason is the BkgError set above
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
}
