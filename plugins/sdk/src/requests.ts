import type { Msg, Payload } from '@nats-io/nats-core';
import { BriefSet, nowhere } from './brief-set.ts';
import type { Placed } from './brief-set.ts';
import { headerFault } from './header-fault.ts';
import type { Inbox, Taker } from './inbox.ts';
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

/** What requests need of a connection. */
export interface Sender {
  isConnected(): boolean;
  send(message: Outgoing): void;
}

/** One that is not settled. */
interface Pending extends Placed {
  readonly subject: string;
  reject: (error: Error) => void;
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

interface Surrounding {
  inbox: Inbox;
  sender: Sender;
  pending: BriefSet<Pending>;
  timeoutMs: number;
  signal: AbortSignal | undefined;
}

/**
 * One request until it is settled. It is what listens, to its replies and to its signal: there are thousands a second, and
 * functions made for each would be the most of what they cost.
 */
abstract class Exchange<T> implements Taker, Pending, EventListenerObject {
  readonly subject: string;
  place = nowhere;
  readonly #data: Payload;
  readonly #settled = Promise.withResolvers<T>();
  #around: Surrounding | undefined;
  #reply = '';
  #timer: NodeJS.Timeout | undefined;

  constructor(subject: string, data: Payload) {
    this.subject = subject;
    this.#data = data;
  }

  get outcome(): Promise<T> {
    return this.#settled.promise;
  }

  abstract take(msg: Msg): void;

  /** Its time is over. */
  abstract expire(): void;

  begin(around: Surrounding): void {
    this.#around = around;
    this.#reply = around.inbox.enter(this);
    this.#timer = setTimeout(expire, around.timeoutMs, this);
    around.signal?.addEventListener('abort', this, once);
  }

  /** As long as it is not settled. */
  send(headers: HeaderValues | undefined): void {
    const onLost = (error: Error): void => this.reject(error);
    try {
      this.#around?.sender.send({
        subject: this.subject,
        data: this.#data,
        reply: this.#reply,
        headers,
        onLost,
      });
    } catch (error) {
      this.reject(error as Error);
    }
  }

  /** Its signal has aborted. */
  handleEvent(): void {
    this.reject(cancelled(this.subject));
  }

  resolve(value: T): void {
    this.#end();
    this.#settled.resolve(value);
  }

  reject(error: Error): void {
    this.#end();
    this.#settled.reject(error);
  }

  #end(): void {
    const around = this.#around;
    if (!around) return;
    this.#around = undefined;
    clearTimeout(this.#timer);
    around.signal?.removeEventListener('abort', this);
    around.inbox.leave(this.#reply);
    around.pending.delete(this);
  }
}

class OneReply extends Exchange<Msg> {
  readonly #accept: ((reply: Msg) => boolean) | undefined;
  readonly #timeoutMs: number;

  constructor(subject: string, data: Payload, { accept, timeoutMs }: RequestOptions) {
    super(subject, data);
    this.#accept = accept;
    this.#timeoutMs = timeoutMs;
  }

  take(msg: Msg): void {
    const fault = headerFault(msg);
    // Whose it is cannot be told.
    if (fault !== undefined && this.#accept) return;
    if (fault !== undefined) this.reject(unreadable(this.subject, fault));
    else if (isNoResponders(msg)) this.reject(new NoRespondersError(this.subject));
    else if (!this.#accept || this.#accept(msg)) this.resolve(msg);
  }

  expire(): void {
    this.reject(late(this.subject, this.#timeoutMs));
  }
}

class ManyReplies extends Exchange<Msg[]> {
  readonly #replies: Msg[] = [];
  readonly #most: number;

  constructor(subject: string, data: Payload, most: number) {
    super(subject, data);
    this.#most = most;
  }

  take(msg: Msg): void {
    if (headerFault(msg) !== undefined) return;
    if (!isNoResponders(msg)) this.#replies.push(msg);
    if (isNoResponders(msg) || this.#replies.length >= this.#most) this.resolve(this.#replies);
  }

  expire(): void {
    this.resolve(this.#replies);
  }
}

const once = { once: true };

/** One function for the timers of all. */
function expire<T>(exchange: Exchange<T>): void {
  exchange.expire();
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
