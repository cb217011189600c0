import type { Msg, Payload } from '@nats-io/nats-core';
import { nowhere } from './brief-set.ts';
import type { BriefSet, Placed } from './brief-set.ts';
import { headerFault } from './header-fault.ts';
import type { Inbox, Taker } from './inbox.ts';
import type { HeaderValues, Outgoing } from './outgoing.ts';
import { cancelled, isNoResponders, late, NoRespondersError, unreadable } from './request-failures.ts';

/** What requests need of a connection. */
export interface Sender {
  isConnected(): boolean;
  send(message: Outgoing): void;
}

/** One that is not settled. */
export interface Pending extends Placed {
  readonly subject: string;
  reject: (error: Error) => void;
}

export interface OneReplyOptions {
  timeoutMs: number;
  /** Replies for which it is false are passed over. @default any will do */
  accept?: (reply: Msg) => boolean;
}

export type AbortListener = (() => void) | { handleEvent(): void };

/** What is needed of an `AbortSignal`, which is one. */
export interface Signal {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: 'abort', listener: AbortListener): void;
  removeEventListener(type: 'abort', listener: AbortListener): void;
}

/** What an exchange needs of those that it is one of. */
export interface Surrounding {
  inbox: Inbox;
  sender: Sender;
  pending: BriefSet<Pending>;
  timeoutMs: number;
  signal: Signal | undefined;
}

/**
 * One request until it is settled. It is what listens, to its replies and to its signal: there are thousands a second, and
 * functions made for each would be the most of what they cost.
 */
export abstract class Exchange<T> implements Taker, Pending {
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
    around.signal?.addEventListener('abort', this);
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

/** A request with one reply. */
export class OneReply extends Exchange<Msg> {
  readonly #accept: ((reply: Msg) => boolean) | undefined;
  readonly #timeoutMs: number;

  constructor(subject: string, data: Payload, { accept, timeoutMs }: OneReplyOptions) {
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

/** A request that everybody who listens may answer. */
export class ManyReplies extends Exchange<Msg[]> {
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

/** One function for the timers of all. */
function expire<T>(exchange: Exchange<T>): void {
  exchange.expire();
}
