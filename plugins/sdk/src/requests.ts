import type { Msg, Payload } from '@nats-io/nats-core';
import { BriefSet, nowhere } from './brief-set.ts';
import { ManyReplies, OneReply } from './exchange.ts';
import type { Exchange, Pending, Sender, Signal } from './exchange.ts';
import { headerFault } from './header-fault.ts';
import type { Inbox } from './inbox.ts';
import type { HeaderValues, Outgoing } from './outgoing.ts';
import { headerNames } from './protocol/headers.ts';
import { windowDefault } from './protocol/stream.ts';
import {
  brokerAway,
  cancelled,
  closedMeanwhile,
  forbidden,
  isNoResponders,
  late,
  NoRespondersError,
  unreadable,
} from './request-failures.ts';
import type { StreamEnd } from './stream/chunk-reader.ts';
import { ReplyStream } from './stream/reply-stream.ts';
import { StreamCutError } from './stream/stream-cut.ts';

export interface RequestOptions {
  timeoutMs: number;
  headers?: HeaderValues;
  signal?: Signal;
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

/** The requests of a connection, each with a reply subject of its own until it is settled, late or cancelled. */
export class Requests {
  readonly #inbox: Inbox;
  readonly #sender: Sender;
  readonly #pending = new BriefSet<Pending>();
  readonly #streams = new Set<ReplyStream>();

  constructor(inbox: Inbox, sender: Sender) {
    this.#inbox = inbox;
    this.#sender = sender;
  }

  /** As `Connection.request`. */
  one(subject: string, data: Payload, options: RequestOptions): Promise<Msg> {
    return this.#ask(new OneReply(subject, data, options), options);
  }

  /** As `Connection.requestMany`. */
  many(
    subject: string,
    data: Payload,
    { forMs, most = Infinity, signal }: RequestManyOptions,
  ): Promise<Msg[]> {
    return this.#ask(new ManyReplies(subject, data, most), { timeoutMs: forMs, ...(signal && { signal }) });
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
    const pending: Pending = { subject, reject: fail, place: nowhere };
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
    signal?.addEventListener('abort', abort);
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
    const detail =
      'The connection to the broker was lost in the middle of the stream: what has come is not all.';
    for (const stream of [...this.#streams]) if (stream.hasBegun) stream.fail(new StreamCutError(detail));
  }

  /** The broker does not let through what is sent there: nobody will answer. */
  refuse(subject: string): void {
    for (const one of this.#pending) if (one.subject === subject) one.reject(forbidden(subject));
  }

  /** The connection is closed: nobody is heard any more. */
  close(): void {
    for (const one of this.#pending) one.reject(closedMeanwhile(one.subject));
  }

  #ask<T>(exchange: Exchange<T>, { timeoutMs, headers, signal, onSend }: RequestOptions): Promise<T> {
    if (!this.#sender.isConnected()) return Promise.reject(brokerAway());
    if (signal?.aborted) return Promise.reject(cancelled(exchange.subject));
    this.#pending.add(exchange);
    exchange.begin({ inbox: this.#inbox, sender: this.#sender, pending: this.#pending, timeoutMs, signal });
    exchange.send(headers);
    onSend?.((values) => exchange.send(values));
    return exchange.outcome;
  }
}
