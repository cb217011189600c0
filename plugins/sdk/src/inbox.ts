import type { Msg, NatsConnection, Subscription } from '@nats-io/nats-core';
import { createToken } from './token.ts';

/**
 * One subscription for the replies to all requests of a connection, or for all streams of an instance. nats.js has the same, but with guessable reply
 * subjects, and whoever guesses one can answer in the plugin's place.
 */
export class Inbox {
  readonly #prefix: string;
  readonly #subscription: Subscription;
  readonly #takers = new Map<string, (msg: Msg) => void>();

  /**
   * @param connection whose `subscribe` reports what a callback throws
   * @param pattern all its subjects, with `*` as the last token
   */
  constructor(connection: Pick<NatsConnection, 'subscribe'>, pattern: string) {
    this.#prefix = pattern.slice(0, -1);
    this.#subscription = connection.subscribe(pattern, {
      callback: (error, msg) => {
        // An error here is the connection's, which says it by itself.
        if (!error) this.#takers.get(msg.subject.slice(this.#prefix.length))?.(msg);
      },
    });
  }

  /** How many subjects are listened to. */
  get size(): number {
    return this.#takers.size;
  }

  /** A reply subject whose messages go to `take` until `leave` is called. */
  open(take: (msg: Msg) => void): { reply: string; leave: () => void } {
    const token = createToken();
    this.#takers.set(token, take);
    return { reply: this.#prefix + token, leave: () => this.#takers.delete(token) };
  }

  close(): void {
    this.#subscription.unsubscribe();
    this.#takers.clear();
  }
}
