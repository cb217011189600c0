import type { Msg, Payload } from '@nats-io/nats-core';
import type { Inbox } from './inbox.ts';
import type { HeaderValues, Outgoing } from './outgoing.ts';
import { BkgError } from './protocol/errors.ts';

export interface RequestOptions {
  timeoutMs: number;
  headers?: Record<string, string | undefined>;
  signal?: AbortSignal;
  /** Replies for which it is false are passed over, where others than the one that is meant may answer. @default any will do */
  accept?: (reply: Msg) => boolean;
  /** Is given what sends it once more, as long as it is not settled. */
  onSend?: (resend: Resend) => void;
}

/** Sends a request again with other headers, for the same answer and within the same time. */
export type Resend = (headers: HeaderValues) => void;

export interface RequestManyOptions {
  /** How long answers are collected. */
  forMs: number;
  /** Ends the collection early. */
  most?: number;
  signal?: AbortSignal;
}

/** Nobody listens to the subject of a request. */
export class NoRespondersError extends BkgError {
  override name = 'NoRespondersError';

  constructor(subject: string) {
    super('PLUGIN_UNAVAILABLE', `Nobody answers ${subject}.`);
  }
}

interface Outcome<T> {
  resolve: (value: T) => void;
  reject: (error: Error) => void;
}

interface Exchange<T> {
  onReply: (msg: Msg, outcome: Outcome<T>) => void;
  onLate: (outcome: Outcome<T>) => void;
}

/** What requests need of a connection. */
export interface Sender {
  isConnected(): boolean;
  send(message: Outgoing): void;
}

/** One that is not settled. */
interface Pending {
  subject: string;
  reject: (error: Error) => void;
}

/** The requests of a connection, each with a reply subject of its own until it is settled, late or cancelled. */
export class Requests {
  readonly #inbox: Inbox;
  readonly #sender: Sender;
  readonly #pending = new Set<Pending>();

  constructor(inbox: Inbox, sender: Sender) {
    this.#inbox = inbox;
    this.#sender = sender;
  }

  /** As `Connection.request`. */
  one(subject: string, data: Payload, options: RequestOptions): Promise<Msg> {
    const { accept } = options;
    return this.#ask(subject, data, options, {
      onReply: (msg, { resolve, reject }) => {
        if (isNoResponders(msg)) reject(new NoRespondersError(subject));
        else if (!accept || accept(msg)) resolve(msg);
      },
      onLate: ({ reject }) => {
        reject(new BkgError('DEADLINE_EXCEEDED', `No answer on ${subject} within ${options.timeoutMs} ms.`));
      },
    });
  }

  /** As `Connection.requestMany`. */
  many(subject: string, data: Payload, options: RequestManyOptions): Promise<Msg[]> {
    const { forMs, most = Infinity, signal } = options;
    const replies: Msg[] = [];
    return this.#ask<Msg[]>(
      subject,
      data,
      { timeoutMs: forMs, ...(signal && { signal }) },
      {
        onReply: (msg, { resolve }) => {
          if (!isNoResponders(msg)) replies.push(msg);
          if (isNoResponders(msg) || replies.length >= most) resolve(replies);
        },
        onLate: ({ resolve }) => resolve(replies),
      },
    );
  }

  /** The broker does not let through what is sent there: nobody will answer. */
  refuse(subject: string): void {
    for (const one of [...this.#pending]) if (one.subject === subject) one.reject(forbidden(subject));
  }

  #ask<T>(
    subject: string,
    data: Payload,
    { timeoutMs, headers, signal, onSend }: RequestOptions,
    { onReply, onLate }: Exchange<T>,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      if (!this.#sender.isConnected()) {
        throw brokerAway();
      }
      if (signal?.aborted) throw cancelled(subject);
      const close = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
        leave();
        this.#pending.delete(pending);
      };
      const outcome: Outcome<T> = {
        resolve: (value) => {
          close();
          resolve(value);
        },
        reject: (error) => {
          close();
          reject(error);
        },
      };
      const pending: Pending = { subject, reject: outcome.reject };
      this.#pending.add(pending);
      const abort = (): void => outcome.reject(cancelled(subject));
      const timer = setTimeout(onLate, timeoutMs, outcome);
      const { reply, leave } = this.#inbox.open((msg) => onReply(msg, outcome));
      signal?.addEventListener('abort', abort, { once: true });
      const send = (values: HeaderValues | undefined): void => {
        try {
          this.#sender.send({ subject, data, reply, headers: values, onLost: outcome.reject });
        } catch (error) {
          outcome.reject(error as Error);
        }
      };
      send(headers);
      onSend?.(send);
    });
  }
}

/** The server's own word that no subscription takes the subject. */
function isNoResponders(msg: Msg): boolean {
  return msg.data.length === 0 && msg.headers?.code === 503;
}

export function brokerAway(): BkgError {
  return new BkgError('PLUGIN_UNAVAILABLE', 'The broker is away; it is being tried again.');
}

function forbidden(subject: string): BkgError {
  return new BkgError(
    'FORBIDDEN',
    `The broker does not let us publish ${subject}: a plugin names what it invokes in "needs" of its plugin.json, and an API key needs a scope for it.`,
  );
}

function cancelled(subject: string): BkgError {
  return new BkgError('CANCELLED', `The request to ${subject} was cancelled.`);
}
