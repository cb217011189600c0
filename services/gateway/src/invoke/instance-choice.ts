import { hash } from 'node:crypto';
import type { Catalog } from '../mesh/catalog.ts';
import type { Call } from './call.ts';

export interface InstanceChoiceOptions {
  catalog: Pick<Catalog, 'get'>;
  /** Ids that are somewhere else than they belong, at a time. @default 50000 */
  movedMost?: number;
  now?: () => number;
}

type Invocation = Pick<Call, 'pluginId' | 'invocationId' | 'isIdChosen'>;

/** One that has just said that it has no place may have none yet. */
const busyMs = 1_000;
const busyMost = 4_096;
/** As long as instances remember what they have answered. */
const rememberedMs = 60_000;

/**
 * Which instance an invocation is sent to, where that is not left to the broker: one whose id its client has chosen always to
 * the same, which knows it when it comes again; one that was answered BUSY once more to another.
 */
export class InstanceChoice {
  readonly #catalog: Pick<Catalog, 'get'>;
  readonly #movedMost: number;
  readonly #now: () => number;
  /** When each instance has said BUSY last, in that order; as `<plugin>.<instance>`. */
  readonly #busyAt = new Map<string, number>();
  /** Ids that another instance has than the one that they belong to, as `<plugin>.<invocation>`, in the order of their coming. */
  readonly #moved = new Map<string, { instance: string; until: number }>();
  /** Before that none of them is forgotten: to look for one at each BUSY would cost the most when there are the most. */
  #fullUntil = Infinity;

  constructor({ catalog, movedMost = 50_000, now = () => performance.now() }: InstanceChoiceOptions) {
    this.#catalog = catalog;
    this.#movedMost = movedMost;
    this.#now = now;
  }

  /** To be tried in this order, before it is left to the broker. */
  ownersOf({ pluginId, invocationId, isIdChosen }: Invocation): string[] {
    if (!isIdChosen) return [];
    const running = this.#running(pluginId);
    // Of one there is no choice, and the broker knows better whether it is there.
    if (running.length < 2 || this.#catalog.get(pluginId)?.single_writer) return [];
    const moved = this.#moved.get(nameOf(pluginId, invocationId))?.instance;
    const ranked = running
      .map((instance) => ({ instance, rank: hash('sha1', `${invocationId}.${instance}`) }))
      .sort((a, b) => (a.rank < b.rank ? 1 : -1))
      .map(({ instance }) => instance);
    const owners = moved !== undefined && running.includes(moved) ? [moved, ...ranked] : ranked;
    // The second for when the first is just going.
    return [...new Set(owners)].slice(0, 2);
  }

  /**
   * Another instance for one that `busy` has no place for; undefined when there is none.
   * @param forMs how long it may run; for so long, and as long as it is remembered then, the choice counts
   */
  another(
    { pluginId, invocationId, isIdChosen }: Invocation,
    busy: string,
    forMs: number,
  ): string | undefined {
    const now = this.#now();
    const name = nameOf(pluginId, invocationId);
    this.#noteBusy(nameOf(pluginId, busy), now);
    const others = this.#running(pluginId).filter((instance) => instance !== busy);
    const free = others.filter((instance) => {
      const at = this.#busyAt.get(nameOf(pluginId, instance));
      return at === undefined || now - at > busyMs;
    });
    const candidates = free.length > 0 ? free : others;
    const random = candidates[Math.floor(Math.random() * candidates.length)];
    if (random === undefined || !isIdChosen) return random;
    // Sent twice at the same time it may be there already.
    const moved = this.#moved.get(name)?.instance;
    const chosen = moved !== undefined && others.includes(moved) ? moved : random;
    // Where its id is not known to be, it could run once more.
    if (moved === undefined && !this.#hasRoom(now)) return undefined;
    const until = now + forMs + rememberedMs;
    this.#moved.set(name, { instance: chosen, until });
    this.#fullUntil = Math.min(this.#fullUntil, until);
    return chosen;
  }

  /** It did not get to the other instance: it is where it belongs again. @param isBusy that one has no place either */
  notMoved({ pluginId, invocationId }: Invocation, instance: string, isBusy: boolean): void {
    this.#moved.delete(nameOf(pluginId, invocationId));
    if (isBusy) this.#noteBusy(nameOf(pluginId, instance), this.#now());
  }

  #running(pluginId: string): string[] {
    const { instances = [] } = this.#catalog.get(pluginId) ?? {};
    return instances.filter(({ status }) => status === 'running').map(({ instance }) => instance);
  }

  #noteBusy(name: string, at: number): void {
    this.#busyAt.delete(name);
    this.#busyAt.set(name, at);
    const [oldest] = this.#busyAt;
    if (this.#busyAt.size > busyMost && oldest) this.#busyAt.delete(oldest[0]);
  }

  #hasRoom(now: number): boolean {
    if (this.#moved.size < this.#movedMost) return true;
    if (now < this.#fullUntil) return false;
    this.#fullUntil = Infinity;
    for (const [name, { until }] of this.#moved) {
      if (until <= now) this.#moved.delete(name);
      else this.#fullUntil = Math.min(this.#fullUntil, until);
    }
    return this.#moved.size < this.#movedMost;
  }
}

function nameOf(pluginId: string, of: string): string {
  return `${pluginId}.${of}`;
}
