import type { Msg, Subscription } from '@nats-io/nats-core';
import { eventMostBytes, subjects } from '@bkg/sdk';
import type { EventKind } from '@bkg/sdk';
import type { Broker } from '../mesh/broker.ts';
import type { PluginFilter } from './audience.ts';
import { Overlap } from './overlap.ts';

/** All plugins; it cannot be the id of one. */
export const everyPlugin = '*';

/** Anybody may name any plugin, also one that does not exist: more than this are heard as all of them. */
const apartMost = 256;
/** Who names more plugins is heard with one subscription to all of them. */
const namedMost = 32;

/** What has to be wanted to hear of these plugins. */
export function keysOf(plugins: PluginFilter): string[] {
  return plugins && plugins.size <= namedMost ? [...plugins] : [everyPlugin];
}

/**
 * The events of one kind of the plugins that somebody wants to hear, and of no others: they are many. One subscription
 * on the broker for each plugin, or a single one for all, so that each event arrives once.
 */
export class EventSource {
  readonly #broker: Broker;
  readonly #kind: EventKind;
  readonly #take: (msg: Msg) => void;
  readonly #wants = new Map<string, number>();
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #overlap = new Overlap();
  #isCrowded = false;
  /** One subscription for all. */
  #isWhole = false;
  #leaving = 0;

  constructor(broker: Broker, kind: EventKind, take: (msg: Msg) => void) {
    this.#broker = broker;
    this.#kind = kind;
    this.#take = take;
    // What is wanted before the first connection.
    broker.onStatus(() => this.#follow());
  }

  /** Whether the events of this plugin are heard. */
  hears(id: string): boolean {
    return this.#isWhole || this.#wants.has(id);
  }

  /**
   * @param key a plugin id, or `everyPlugin`
   * @returns ends it
   */
  want(key: string): () => void {
    const others = this.#wants.get(key) ?? 0;
    this.#wants.set(key, others + 1);
    if (others === 0 && !this.#turns() && !this.#isWhole) this.#subscribe(key);
    let isWanted = true;
    return () => {
      if (!isWanted) return;
      isWanted = false;
      const left = (this.#wants.get(key) ?? 0) - 1;
      if (left > 0) {
        this.#wants.set(key, left);
        return;
      }
      this.#wants.delete(key);
      if (!this.#turns() && !this.#isWhole) this.#leave([key]);
    };
  }

  /** From one subscription for each to one for all, or back. @returns whether it did */
  #turns(): boolean {
    const isForAll = this.#wants.has(everyPlugin);
    const named = this.#wants.size - (isForAll ? 1 : 0);
    // Back at half of it only: who comes and goes at the limit would turn everything each time.
    this.#isCrowded = named > (this.#isCrowded ? apartMost / 2 : apartMost);
    const isWhole = isForAll || this.#isCrowded;
    if (isWhole === this.#isWhole) return false;
    this.#isWhole = isWhole;
    this.#follow();
    return true;
  }

  /** All of them, which are `apartMost` at most. */
  #follow(): void {
    const isMeant = (key: string): boolean => (this.#isWhole ? key === everyPlugin : this.#wants.has(key));
    // The new ones first: nothing may be missed in between.
    for (const key of this.#isWhole ? [everyPlugin] : this.#wants.keys()) this.#subscribe(key);
    this.#leave([...this.#subscriptions.keys()].filter((key) => !isMeant(key)));
  }

  #subscribe(key: string): void {
    if (this.#subscriptions.has(key)) return;
    const token = {};
    const subscription = this.#broker.subscribe(subjects.events(this.#kind, key), (msg) =>
      this.#hear(token, msg),
    );
    if (subscription) this.#subscriptions.set(key, subscription);
  }

  #leave(keys: readonly string[]): void {
    const subscriptions = keys.flatMap((key) => this.#subscriptions.get(key) ?? []);
    for (const key of keys) this.#subscriptions.delete(key);
    if (subscriptions.length > 0) void this.#end(subscriptions);
  }

  /**
   * Not before the broker has the one that takes over: nats-server may be delivering a message to the subscriptions that
   * it knew a moment ago, and drops it when the only one of them is gone. What is on its way then still counts.
   */
  async #end(subscriptions: readonly Subscription[]): Promise<void> {
    this.#leaving += 1;
    // Late, or away: they must not come back with the connection.
    if (await this.#broker.flush()) await this.#broker.drain(subscriptions);
    else for (const subscription of subscriptions) subscription.unsubscribe();
    this.#leaving -= 1;
    if (this.#leaving === 0) this.#overlap.clear();
  }

  #hear(token: unknown, msg: Msg): void {
    if (msg.data.length > eventMostBytes) return;
    const isDoubtful = this.#leaving > 0;
    if (isDoubtful && this.#overlap.isSecond(token, `${msg.subject} ${textOf(msg)}`)) return;
    this.#take(msg);
  }
}

/** Its bytes, for comparison. */
function textOf({ data }: Msg): string {
  return Buffer.from(data.buffer, data.byteOffset, data.length).toString('latin1');
}
