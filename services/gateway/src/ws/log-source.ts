import type { Msg, Subscription } from '@nats-io/nats-core';
import { subjects } from '@bkg/sdk';
import type { Broker } from '../mesh/broker.ts';
import { readLogEvent } from './log-record.ts';
import type { LoggedLine } from './log-record.ts';
import { Overlap } from './overlap.ts';

/** All plugins; it cannot be the id of one. */
export const everyPlugin = '*';

/**
 * The log events of the plugins that somebody wants to hear, and of no others: log lines are many. One subscription
 * on the broker for each plugin, or a single one for all, so that each line arrives once.
 */
export class LogSource {
  readonly #broker: Broker;
  readonly #listeners = new Set<(line: LoggedLine) => void>();
  readonly #wants = new Map<string, number>();
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #overlap = new Overlap();
  #leaving = 0;

  constructor(broker: Broker) {
    this.#broker = broker;
    // What is wanted before the first connection.
    broker.onStatus(() => this.#follow());
  }

  /** @returns ends it */
  onLine(listener: (line: LoggedLine) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * @param key a plugin id, or `everyPlugin`
   * @returns ends it
   */
  want(key: string): () => void {
    this.#wants.set(key, (this.#wants.get(key) ?? 0) + 1);
    this.#follow();
    let isWanted = true;
    return () => {
      if (!isWanted) return;
      isWanted = false;
      const others = (this.#wants.get(key) ?? 0) - 1;
      if (others > 0) this.#wants.set(key, others);
      else this.#wants.delete(key);
      this.#follow();
    };
  }

  #follow(): void {
    const wanted = new Set(this.#wants.has(everyPlugin) ? [everyPlugin] : this.#wants.keys());
    // The new ones first: nothing may be missed in between.
    for (const key of wanted) {
      if (this.#subscriptions.has(key)) continue;
      const token = {};
      const subscription = this.#broker.subscribe(subjects.events('log', key), (msg) =>
        this.#hear(token, msg),
      );
      if (subscription) this.#subscriptions.set(key, subscription);
    }
    for (const [key, subscription] of this.#subscriptions) {
      if (wanted.has(key)) continue;
      this.#subscriptions.delete(key);
      void this.#leave(subscription);
    }
  }

  /**
   * Not before the broker has the one that takes over: nats-server may be delivering a message to the subscriptions that
   * it knew a moment ago, and drops it when the only one of them is gone. What is on its way then still counts.
   */
  async #leave(subscription: Subscription): Promise<void> {
    this.#leaving += 1;
    try {
      await this.#broker.nats?.flush();
      await subscription.drain();
    } catch {
      // The connection was lost meanwhile; it must not come back with it.
      subscription.unsubscribe();
    }
    this.#leaving -= 1;
    if (this.#leaving === 0) this.#overlap.clear();
  }

  #hear(token: unknown, msg: Msg): void {
    const isDoubtful = this.#leaving > 0;
    if (isDoubtful && this.#overlap.isSecond(token, `${msg.subject} ${textOf(msg)}`)) return;
    const line = readLogEvent(msg);
    if (line) for (const listener of this.#listeners) listener(line);
  }
}

/** Its bytes, for comparison. */
function textOf({ data }: Msg): string {
  return Buffer.from(data.buffer, data.byteOffset, data.length).toString('latin1');
}
