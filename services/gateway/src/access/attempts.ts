export interface AttemptsOptions {
  /** Failures in a window; the next is not even looked at. @default 19 */
  most?: number;
  /** @default 10000 */
  windowMs?: number;
  /** How many places are remembered; beyond, the one that has failed longest ago is forgotten. @default 10000 */
  placesMost?: number;
  now?: () => number;
}

interface Place {
  /** When something failed, the oldest first; at most `most`. */
  failures: number[];
  /** What is being looked at, and how often it was given. */
  pending: Map<string, number>;
  /** Those who wait until one of these is settled. */
  waiting: (() => void)[];
}

/**
 * How often keys may be tried. A place is what is counted together: an address, or one key at an address. Of what is
 * under way at the same time each counts as failed until it is not, so that many at once are no more than one by one;
 * the same key several times at once is one.
 */
export class Attempts {
  readonly #most: number;
  readonly #windowMs: number;
  readonly #placesMost: number;
  readonly #now: () => number;
  readonly #places = new Map<string, Place>();
  #failedAt = -Infinity;
  /** Of all places together. */
  #pending = 0;

  constructor(options: AttemptsOptions = {}) {
    this.#most = options.most ?? 19;
    this.#windowMs = options.windowMs ?? 10_000;
    this.#placesMost = options.placesMost ?? 10_000;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Of places that are remembered. */
  get size(): number {
    return this.#places.size;
  }

  /**
   * Nothing has failed for so long that nothing is held against anybody, and nothing is looked at that may yet fail: of
   * many at once all would be too early for the first failure.
   */
  get isQuiet(): boolean {
    return this.#pending === 0 && this.#now() - this.#failedAt >= this.#windowMs;
  }

  /** How long nothing is looked at from there, in ms; 0 when it is. */
  restMs(name: string): number {
    const place = this.#places.get(name);
    return place ? this.#restMs(place) : 0;
  }

  /**
   * Looks at what was given there, when and if that may be.
   * @param given only to tell what is given from other things
   * @param look whether it is good
   * @returns what `look` returns; undefined when it may not be looked at: `restMs` says for how long
   */
  async try<T>(
    name: string,
    given: string,
    look: () => Promise<T>,
    isGood: (value: T) => boolean,
  ): Promise<T | undefined> {
    const place = await this.#enter(name, given);
    if (!place) return undefined;
    let isFailure = false;
    try {
      const value = await look();
      isFailure = !isGood(value);
      return value;
    } finally {
      this.#leave(name, place, given, isFailure);
    }
  }

  async #enter(name: string, given: string): Promise<Place | undefined> {
    for (;;) {
      const place: Place = this.#places.get(name) ?? { failures: [], pending: new Map(), waiting: [] };
      if (this.#restMs(place) > 0) return undefined;
      const count = place.pending.get(given) ?? 0;
      if (count > 0 || place.failures.length + place.pending.size < this.#most) {
        place.pending.set(given, count + 1);
        this.#pending += 1;
        this.#places.set(name, place);
        return place;
      }
      // Each of those under way ends in time, by a deadline of its own.
      await new Promise<void>((resolve) => place.waiting.push(resolve));
    }
  }

  #leave(name: string, place: Place, given: string, isFailure: boolean): void {
    this.#pending -= 1;
    const count = (place.pending.get(given) ?? 1) - 1;
    if (count > 0) place.pending.set(given, count);
    else place.pending.delete(given);
    if (isFailure && place.failures.length < this.#most) {
      this.#failedAt = this.#now();
      place.failures.push(this.#failedAt);
      // The last to fail is the last to be forgotten.
      this.#places.delete(name);
      this.#places.set(name, place);
      this.#forgetOldest();
    }
    for (const resolve of place.waiting.splice(0)) resolve();
    if (place.failures.length === 0 && place.pending.size === 0) this.#places.delete(name);
  }

  #restMs({ failures }: Place): number {
    const since = this.#now() - this.#windowMs;
    while (failures[0] !== undefined && failures[0] <= since) failures.shift();
    const [oldest] = failures;
    return failures.length >= this.#most && oldest !== undefined ? oldest - since : 0;
  }

  #forgetOldest(): void {
    for (const [name, { pending }] of this.#places) {
      if (this.#places.size <= this.#placesMost) return;
      // Who waits there has to be told.
      if (pending.size === 0) this.#places.delete(name);
    }
  }
}
