import type { Slots } from './slots.ts';

export interface OverdueHandlersOptions {
  slots: Pick<Slots, 'running' | 'isFull'>;
  /** For how long all places may be theirs. */
  patienceMs: () => number;
  /** They have all places for longer than that; or not any more. */
  onChange: () => void;
}

/**
 * Handlers that go on although their time is over, each of which keeps its place. One that ends soon does no harm; when
 * nothing but such handlers has run for long, the instance is of no use any more.
 */
export class OverdueHandlers {
  readonly #options: OverdueHandlersOptions;
  #count = 0;
  /** Since when all places are theirs, as `performance.now()` gives it. */
  #since: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #haveAllPlaces = false;

  constructor(options: OverdueHandlersOptions) {
    this.#options = options;
  }

  /** How many there are, when they have had all places for too long; else 0. */
  get stuck(): number {
    return this.#haveAllPlaces ? this.#count : 0;
  }

  /** The time of one that has a place is over. */
  add(): void {
    this.#count += 1;
    this.look();
  }

  /** One of them has ended, and has given its place back. */
  remove(): void {
    this.#count -= 1;
    this.look();
  }

  /** To be called whenever a place is given back, and when there are more or fewer of them. */
  look(): void {
    const { slots, patienceMs, onChange } = this.#options;
    clearTimeout(this.#timer);
    const areAllTheirs = slots.isFull && slots.running === this.#count;
    this.#since = areAllTheirs ? (this.#since ?? performance.now()) : undefined;
    const leftMs = this.#since === undefined ? Infinity : this.#since + patienceMs() - performance.now();
    // It keeps no process alive that is ending.
    if (leftMs > 0 && leftMs < Infinity) this.#timer = setTimeout(() => this.look(), leftMs).unref();
    if (this.#haveAllPlaces === leftMs <= 0) return;
    this.#haveAllPlaces = leftMs <= 0;
    onChange();
  }
}
