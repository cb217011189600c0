import type { Broker } from '../mesh/broker.ts';
import type { Catalog } from '../mesh/catalog.ts';
import { Lane } from './lane.ts';

export interface LanesOptions {
  broker: Broker;
  catalog: Pick<Catalog, 'get'>;
  /** One that nobody has used for about this long is closed. @default 300000 */
  restMs?: number;
}

/**
 * For the invocations of each plugin a connection of its own. nats-server closes a connection whose reader has left 64 MiB, and
 * slows down whoever sends to one that is nearly there: what a plugin answers with, and however much it is, is felt by nobody who
 * invokes another one.
 */
export class Lanes {
  readonly #options: LanesOptions;
  readonly #instancesOf = (id: string): number => this.#options.catalog.get(id)?.instances.length ?? 1;
  readonly #own = new Map<string, Lane>();
  /** For plugins that the registry does not know: whoever invokes them could open any number of connections. */
  readonly #common: Lane;
  readonly #sweep: NodeJS.Timeout;
  #isClosed = false;

  constructor(options: LanesOptions) {
    this.#options = options;
    this.#common = new Lane(options.broker, { instancesOf: this.#instancesOf });
    this.#sweep = setInterval(() => this.#closeResting(), options.restMs ?? 300_000).unref();
  }

  /** That of a plugin, when it can be used at once. */
  ready(pluginId: string): Lane | undefined {
    const lane = this.#own.get(pluginId);
    return lane?.broker.connected ? lane : undefined;
  }

  /** That of a plugin, which may not be connected. @param withinMs how long its connection may take */
  async open(pluginId: string, withinMs: number): Promise<Lane> {
    const { broker, catalog } = this.#options;
    // While the broker is away that is said at once.
    if (!broker.connected || this.#isClosed || !catalog.get(pluginId)) return this.of(pluginId);
    let lane = this.#own.get(pluginId);
    if (!lane) {
      lane = new Lane(broker.beside(pluginId), { plugin: pluginId, instancesOf: this.#instancesOf });
      this.#own.set(pluginId, lane);
    }
    // It stays for who waits for it.
    lane.enter();
    await lane.broker.connectsWithin(withinMs);
    lane.leave();
    return lane;
  }

  /** Through which what runs of a plugin was sent. */
  of(pluginId: string): Lane {
    return this.#own.get(pluginId) ?? this.#common;
  }

  /** The invocation's instances have been told to end it: it is not sent again. */
  noteCancelled(pluginId: string, invocationId: string): void {
    // Before the registry knew the plugin it may have been sent through the common one.
    for (const lane of new Set([this.of(pluginId), this.#common]))
      lane.running.noteCancelled(pluginId, invocationId);
  }

  /** Ends all that is running. */
  cutOff(why: Error): void {
    this.#isClosed = true;
    for (const lane of [this.#common, ...this.#own.values()]) lane.cutOff(why);
  }

  /** Closes the connections that were opened here. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#sweep);
    await Promise.all([...this.#own.values()].map(({ broker }) => broker.close()));
  }

  #closeResting(): void {
    for (const [id, lane] of this.#own) {
      if (!lane.rests()) continue;
      this.#own.delete(id);
      void lane.broker.close();
    }
  }
}
