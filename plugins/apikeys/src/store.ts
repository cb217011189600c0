import { BkgError } from '@bkg/sdk';
import { backoffMs, delay } from '@bkg/sdk/host';
import { WrongRevisionError } from './bucket.ts';
import type { Expected } from './bucket.ts';
import type { Entry, Removal } from './contents.ts';
import { Mirror } from './mirror.ts';
import type { MirrorOptions } from './mirror.ts';
import type { Kind, Kinds } from './record.ts';

/** What `change` writes. */
export interface Write<K extends Kind = Kind> {
  kind: K;
  id: string;
  value: Kinds[K] | 'remove';
}

const startMs = 20_000;
const triesMost = 20;
const conflictBackoff = { firstMs: 2, mostMs: 100 };

/**
 * What the bucket keeps, as one instance of any number sees it:
 *
 *   reads    at once from memory; `current` first waits for all that was written before it, by whomever
 *   change   decides on the whole bucket, and writes only when nothing else was written since: then the decision holds,
 *            whatever other instances do at the same time
 *   write    compare-and-set of one key, for what concerns no other
 */
export class Store {
  readonly #mirror: Mirror;
  readonly #ending = new AbortController();
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(mirror: Mirror) {
    this.#mirror = mirror;
  }

  /**
   * @param signal aborts when the instance is asked to end before it is ready
   * @throws Error when the bucket cannot be read within 20 s; the reason of `signal`
   */
  static async open(options: MirrorOptions, signal: AbortSignal): Promise<Store> {
    const mirror = new Mirror(options);
    try {
      await mirror.whole(startMs, signal);
      return new Store(mirror);
    } catch (error) {
      await mirror.close();
      signal.throwIfAborted();
      const problem = mirror.problem ?? error;
      const why = problem instanceof Error ? problem.message : String(problem);
      throw new Error(`The bucket of the API keys cannot be read, so nobody could be let in: ${why}`, {
        cause: error,
      });
    }
  }

  get<K extends Kind>(kind: K, id: string): Entry<Kinds[K]> | undefined {
    return this.#mirror.contents.get(kind, id);
  }

  all<K extends Kind>(kind: K): ReadonlyMap<string, Entry<Kinds[K]>> {
    return this.#mirror.contents.all(kind);
  }

  /** Waits until the memory can be trusted: at once, but after a loss of the broker. @throws BkgError PLUGIN_UNAVAILABLE */
  whole(): Promise<void> {
    return this.#mirror.whole();
  }

  /** Waits until everything that was written before this call is in memory. @throws BkgError PLUGIN_UNAVAILABLE */
  current(): Promise<void> {
    return this.#mirror.current();
  }

  /**
   * Decides on everything that is there, and writes when that is still so; otherwise it decides again.
   * @param decide throws what refuses, is undefined when there is nothing to write; may be called several times
   * @throws what `decide` throws; BkgError BUSY, PLUGIN_UNAVAILABLE, DEADLINE_EXCEEDED
   */
  change(decide: () => Write | undefined): Promise<void> {
    // One after the other: two of the same instance would only be in each other's way.
    const turn = this.#turn.then(() => this.#change(decide));
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /** Writes if the key has this revision, 0 when it is not there. @returns whether it had */
  write<K extends Kind>(kind: K, id: string, value: Kinds[K], revision: number): Promise<boolean> {
    return this.#write({ kind, id, value }, { revision });
  }

  /** @returns whether it was this call that has removed it, and nobody else */
  remove(kind: Kind, id: string, revision: number): Promise<boolean> {
    return this.#write({ kind, id, value: 'remove' }, { revision });
  }

  /**
   * Lets the bucket forget what was removed before that time; it would remember it for ever.
   * @param most of them
   * @returns how many
   */
  async forgetRemovals(before: number, most: number): Promise<number> {
    const { removals } = this.#mirror.contents;
    const due = [...removals].filter(([, { at }]: [string, Removal]) => at < before).slice(0, most);
    for (const [key, removal] of due) {
      await this.#mirror.bucket.forgetRemoval(key, removal.revision);
      if (removals.get(key) === removal) removals.delete(key);
    }
    return due.length;
  }

  async close(): Promise<void> {
    this.#ending.abort(new BkgError('PLUGIN_UNAVAILABLE', 'This instance of apikeys is ending.'));
    await this.#mirror.close();
  }

  async #change(decide: () => Write | undefined): Promise<void> {
    for (let tries = 0; tries < triesMost; tries += 1) {
      await this.#mirror.current();
      const bucketRevision = this.#mirror.heard;
      const write = decide();
      if (!write || (await this.#write(write, { bucketRevision }))) return;
      await delay(backoffMs(tries, conflictBackoff), this.#ending.signal);
    }
    throw new BkgError('BUSY', 'Too many changes are made to the keys at the same time: try again.');
  }

  async #write<K extends Kind>({ kind, id, value }: Write<K>, expected: Expected): Promise<boolean> {
    const { bucket } = this.#mirror;
    const key = `${kind}.${id}`;
    try {
      if (value === 'remove') {
        const revision = await bucket.remove(key, expected);
        this.#mirror.apply((contents) => contents.remove(kind, id, { revision, at: Date.now() }), revision);
      } else {
        const revision = await bucket.write(key, value, expected);
        this.#mirror.apply((contents) => contents.put(kind, id, { value, revision }), revision);
      }
      return true;
    } catch (error) {
      if (error instanceof WrongRevisionError) return false;
      throw error;
    }
  }
}
