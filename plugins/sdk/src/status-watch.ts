import type { Msg, Subscription } from '@nats-io/nats-core';
import type { Connection } from './connection.ts';
import { subjects } from './protocol/subjects.ts';

/** A plugin whose status events are heard. */
export interface Watched {
  readonly subscription: Subscription;
  /** How many invocations of it are under way. */
  running: number;
  /** Larger is later. */
  usedAt: number;
}

/** A program may invoke any number of plugins, each once. */
const watchedMost = 256;

/**
 * Subscriptions to the status events of the plugins that are invoked over a connection, each from before the first invocation. Those
 * that have not been invoked for longest end; never one with invocations under way.
 */
export class StatusWatch {
  readonly #connection: Connection;
  readonly #hear: (msg: Msg) => void;
  readonly #watched = new Map<string, Watched>();
  #uses = 0;

  constructor(connection: Connection, hear: (msg: Msg) => void) {
    this.#connection = connection;
    this.#hear = hear;
  }

  /**
   * To be called before an invocation is sent: what comes first on a connection is first at the broker.
   * @returns its `running` is to be counted down afterwards; undefined while nothing can be sent
   */
  enter(plugin: string): Watched | undefined {
    const watched = this.#watched.get(plugin) ?? this.#open(plugin);
    if (!watched) return undefined;
    watched.running += 1;
    watched.usedAt = this.#uses += 1;
    return watched;
  }

  close(): void {
    for (const { subscription } of this.#watched.values()) subscription.unsubscribe();
    this.#watched.clear();
  }

  #open(plugin: string): Watched | undefined {
    if (!this.#connection.connected) return undefined;
    if (this.#watched.size >= watchedMost) this.#dropOldest();
    const subscription = this.#connection.subscribe(subjects.events('status', plugin), {
      callback: (error, msg) => {
        // An error here is the connection's, which reports it itself; without the right to listen deadlines are all there is.
        if (!error) this.#hear(msg);
      },
    });
    const watched: Watched = { subscription, running: 0, usedAt: 0 };
    this.#watched.set(plugin, watched);
    return watched;
  }

  #dropOldest(): void {
    let oldest: [string, Watched] | undefined;
    for (const entry of this.#watched)
      if (entry[1].running === 0 && (!oldest || entry[1].usedAt < oldest[1].usedAt)) oldest = entry;
    if (!oldest) return;
    oldest[1].subscription.unsubscribe();
    this.#watched.delete(oldest[0]);
  }
}
