import type { Signal } from '@bkg/sdk';
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

  /**
   * That of a plugin. It is waited for while it is being connected and the broker is there.
   * @param withinMs no longer than that
   * @param signal ends the wait
   */
  async open(pluginId: string, withinMs: number, signal: Signal): Promise<Lane> {
    const { broker, catalog } = this.#options;
    const known = this.#own.get(pluginId);
    if (!known && (!broker.connected || this.#isClosed || !catalog.get(pluginId))) return this.#common;
    const lane = known ?? this.#create(pluginId);
    if (lane.broker.connected || !broker.connected || signal.aborted) return lane;
    const { promise, resolve } = Promise.withResolvers<void>();
    const unhear = [broker, lane.broker].map((one) => one.onStatus(() => resolve()));
    const timer = setTimeout(resolve, withinMs);
    signal.addEventListener('abort', resolve);
    lane.enter();
    await promise;
    lane.leave();
    signal.removeEventListener('abort', resolve);
    clearTimeout(timer);
    for (const end of unhear) end();
    return lane;
  }

  /** Ends an invocation, wherever it is, whoever has sent it. @returns false when the broker is away */
  cancel(pluginId: string, invocationId: string): boolean {
    const own = this.#own.get(pluginId);
    for (const lane of [this.#common, own]) lane?.running.noteCancelled(pluginId, invocationId);
    return (own ?? this.#common).cancel(pluginId, invocationId);
  }

  /** Ends all that is running, and opens no more. The connections close with the first. */
  cutOff(why: Error): void {
    this.#isClosed = true;
    clearInterval(this.#sweep);
    for (const lane of [this.#common, ...this.#own.values()]) lane.cutOff(why);
  }

  #create(plugin: string): Lane {
    const { broker } = this.#options;
    const lane = new Lane(broker.beside(plugin), { plugin, spare: broker, instancesOf: this.#instancesOf });
    this.#own.set(plugin, lane);
    return lane;
  }

  #closeResting(): void {
    for (const [id, lane] of this.#own) {
      if (!lane.rests()) continue;
      this.#own.delete(id);
      void lane.broker.close();
    }
  }
}
