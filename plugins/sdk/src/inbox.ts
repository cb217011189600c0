import type { Msg, NatsConnection, Subscription } from '@nats-io/nats-core';
import { createToken } from './token.ts';

/** Who listens to one of the subjects. */
export interface Taker {
  take(msg: Msg): void;
}

/**
 * One subscription for the replies to all requests of a connection, or for all streams of an instance. nats.js has the same, but with guessable reply
 * subjects, and whoever guesses one can answer in the plugin's place.
 */
export class Inbox {
  readonly #prefix: string;
  readonly #subscription: Subscription;
  readonly #takers = new Map<string, Taker>();

  /**
   * @param connection whose `subscribe` reports what a callback throws
   * @param pattern all its subjects, with `*` as the last token
   */
  constructor(connection: Pick<NatsConnection, 'subscribe'>, pattern: string) {
    this.#prefix = pattern.slice(0, -1);
    this.#subscription = connection.subscribe(pattern, {
      callback: (error, msg) => {
        // An error here is the connection's, which says it by itself.
        if (!error) this.#takers.get(msg.subject.slice(this.#prefix.length))?.take(msg);
      },
    });
  }

  /** How many subjects are listened to. */
  get size(): number {
    return this.#takers.size;
  }

  /** A reply subject whose messages go to this taker until it leaves. */
  enter(taker: Taker): string {
    const token = createToken();
    this.#takers.set(token, taker);
    return this.#prefix + token;
  }

  /** @param reply what `enter` gave */
  leave(reply: string): void {
    this.#takers.delete(reply.slice(this.#prefix.length));
  }

  /** A reply subject whose messages go to `take` until `leave` is called. */
  open(take: (msg: Msg) => void): { reply: string; leave: () => void } {
    const reply = this.enter({ take });
    return { reply, leave: () => this.leave(reply) };
  }

  close(): void {
    this.#subscription.unsubscribe();
    this.#takers.clear();
  }
}
