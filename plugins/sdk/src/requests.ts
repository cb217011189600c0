import type { Msg, Payload } from '@nats-io/nats-core';
import { headerFault } from './header-fault.ts';
import type { Inbox } from './inbox.ts';
import type { HeaderValues, Outgoing } from './outgoing.ts';
import { BkgError } from './protocol/errors.ts';
import { headerNames } from './protocol/headers.ts';
import { windowDefault } from './protocol/stream.ts';
import type { StreamEnd } from './stream/chunk-reader.ts';
import { ReplyStream } from './stream/reply-stream.ts';
import { StreamCutError } from './stream/stream-cut.ts';

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

export interface StreamRequestOptions extends Omit<RequestOptions, 'accept'> {
  /** Who is asked. */
  plugin: string;
  /** Chunks that it may send before it is given credit. @default windowDefault */
  window?: number;
  /** More are never under way, however small they are. @default windowMost */
  chunksMost?: number;
  /** About so much is under way at most, when the first chunks have shown their size. @default windowBytesDefault */
  windowBytes?: number | (() => number);
  /** So many bytes more of chunks have come and are not read, or fewer. */
  onWaiting?: (changeBytes: number) => void;
  /** It has ended, in whatever way; before that `last` is not settled. */
  onEnd?: (end: StreamEnd) => void;
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
  readonly #streams = new Set<ReplyStream>();

  constructor(inbox: Inbox, sender: Sender) {
    this.#inbox = inbox;
    this.#sender = sender;
  }

  /** As `Connection.request`. */
  one(subject: string, data: Payload, options: RequestOptions): Promise<Msg> {
    const { accept } = options;
    return this.#ask(subject, data, options, {
      onReply: (msg, { resolve, reject }) => {
        const fault = headerFault(msg);
        // Whose it is cannot be told.
        if (fault !== undefined && accept) return;
        if (fault !== undefined) reject(unreadable(subject, fault));
        else if (isNoResponders(msg)) reject(new NoRespondersError(subject));
        else if (!accept || accept(msg)) resolve(msg);
      },
      onLate: ({ reject }) => {
        reject(late(subject, options.timeoutMs));
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
          if (headerFault(msg) !== undefined) return;
          if (!isNoResponders(msg)) replies.push(msg);
          if (isNoResponders(msg) || replies.length >= most) resolve(replies);
        },
        onLate: ({ resolve }) => resolve(replies),
      },
    );
  }

  /** As `Connection.requestStream`. */
  stream(subject: string, data: Payload, options: StreamRequestOptions): ReplyStream {
    const {
      plugin,
      timeoutMs,
      headers,
      signal,
      onSend,
      onEnd,
      onWaiting,
      window = windowDefault,
      chunksMost,
      windowBytes,
    } = options;
    if (!this.#sender.isConnected()) throw brokerAway();
    if (signal?.aborted) throw cancelled(subject);
    const publish = (message: Omit<Outgoing, 'onLost'>): void =>
      this.#sender.send({ ...message, onLost: fail });
    const stream = new ReplyStream({
      plugin,
      window,
      ...(chunksMost !== undefined && { chunksMost }),
      ...(windowBytes !== undefined && { windowBytes }),
      ...(onWaiting && { onWaiting }),
      tell: (to, text) => publish({ subject: to, data: text, reply: undefined, headers: undefined }),
      onEnd: (end) => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
        leave();
        this.#pending.delete(pending);
        this.#streams.delete(stream);
        onEnd?.(end);
      },
    });
    let body: Payload | undefined = data;
    const fail = (error: unknown): void => stream.fail(error);
    const abort = (): void => fail(cancelled(subject));
    const pending: Pending = { subject, reject: fail };
    const timer = setTimeout(() => fail(late(subject, timeoutMs)), timeoutMs);
    const { reply, leave } = this.#inbox.open((msg) => {
      const fault = headerFault(msg);
      if (fault !== undefined) return fail(unreadable(subject, fault));
      if (isNoResponders(msg)) return fail(new NoRespondersError(subject));
      stream.take(msg);
      // It is not sent again, and may be large.
      if (stream.hasBegun) body = undefined;
    });
    this.#pending.add(pending);
    this.#streams.add(stream);
    signal?.addEventListener('abort', abort, { once: true });
    const send = (values: HeaderValues): void => {
      if (body === undefined) return;
      const ownHeaders = { ...values, [headerNames.stream]: String(window) };
      try {
        publish({ subject, data: body, reply, headers: ownHeaders });
      } catch (error) {
        fail(error);
      }
    };
    send(headers ?? {});
    onSend?.(send);
    return stream;
  }

  /** The broker is away: of a stream that has begun something is missing then. */
  cutStreams(): void {
    const detail = 'The broker went away in the middle of the stream: what has come is not all.';
    for (const stream of [...this.#streams]) if (stream.hasBegun) stream.fail(new StreamCutError(detail));
  }

  /** The broker does not let through what is sent there: nobody will answer. */
  refuse(subject: string): void {
    for (const one of [...this.#pending]) if (one.subject === subject) one.reject(forbidden(subject));
  }

  /** The connection is closed: nobody is heard any more. */
  close(): void {
    for (const one of [...this.#pending]) one.reject(closedMeanwhile(one.subject));
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

function unreadable(subject: string, fault: string): BkgError {
  return new BkgError(
    'INVALID_OUTPUT',
    `The reply to ${subject} has headers that cannot be read (${fault}): a header is one line of ASCII.`,
  );
}

function closedMeanwhile(subject: string): BkgError {
  return new BkgError('CANCELLED', `The connection was closed before ${subject} was answered.`);
}

function late(subject: string, timeoutMs: number): BkgError {
  return new BkgError('DEADLINE_EXCEEDED', `No answer on ${subject} within ${timeoutMs} ms.`);
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
