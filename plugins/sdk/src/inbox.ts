import type { Msg, NatsConnection, Subscription } from '@nats-io/nats-core';
import { createReplyToken, replyTokenLength } from './token.ts';

/** Who listens to one of the subjects. */
export interface Taker {
  take(msg: Msg): void;
}

interface Entered {
  reply: string;
  taker: Taker;
}

/**
 * One subscription for the replies to all requests of a connection, or for all streams of an instance. nats.js has the same, but with guessable reply
 * subjects, and whoever guesses one can answer in the plugin's place.
 */
export class Inbox {
  readonly #prefix: string;
  readonly #subscription: Subscription;
  /** By its number, which stands at the end of its subject: a Map would keep those that have gone (see `BriefSet`). */
  readonly #takers: (Entered | undefined)[] = [];
  readonly #free: number[] = [];

  /**
   * @param connection whose `subscribe` reports what a callback throws
   * @param pattern all its subjects, with `*` as the last token
   */
  constructor(connection: Pick<NatsConnection, 'subscribe'>, pattern: string) {
    this.#prefix = pattern.slice(0, -1);
    this.#subscription = connection.subscribe(pattern, {
      callback: (error, msg) => {
        // An error here is the connection's, which says it by itself.
        if (!error) this.#at(msg.subject)?.taker.take(msg);
      },
    });
  }

  /** How many subjects are listened to. */
  get size(): number {
    return this.#takers.length - this.#free.length;
  }

  /** A reply subject whose messages go to this taker until it leaves. */
  enter(taker: Taker): string {
    const number = this.#free.pop() ?? this.#takers.length;
    const reply = `${this.#prefix}${createReplyToken()}${number}`;
    this.#takers[number] = { reply, taker };
    return reply;
  }

  /** @param reply what `enter` gave */
  leave(reply: string): void {
    if (!this.#at(reply)) return;
    const number = this.#numberOf(reply);
    this.#takers[number] = undefined;
    this.#free.push(number);
  }

  /** A reply subject whose messages go to `take` until `leave` is called. */
  open(take: (msg: Msg) => void): { reply: string; leave: () => void } {
    const reply = this.enter({ take });
    return { reply, leave: () => this.leave(reply) };
  }

  close(): void {
    this.#subscription.unsubscribe();
    for (const entered of this.#takers) if (entered) this.leave(entered.reply);
  }

  /** Nobody, when the number is somebody else's by now. */
  #at(subject: string): Entered | undefined {
    const entered = this.#takers[this.#numberOf(subject)];
    return entered?.reply === subject ? entered : undefined;
  }

  #numberOf(subject: string): number {
    return Number(subject.slice(this.#prefix.length + replyTokenLength));
  }
}
