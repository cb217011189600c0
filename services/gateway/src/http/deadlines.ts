import { BriefSet } from '@bkg/sdk';
import type { Placed } from '@bkg/sdk';

/** Something of a request that has to be over in time. */
export interface Timed extends Placed {
  /** Until when, by `performance.now()`. */
  deadline: number;
}

export interface DeadlinesOptions<T> {
  /** How often it is looked: so much later than its time is over one may be noticed. */
  everyMs: number;
  /** Nothing is to come of it any more, be it that nobody has said so. */
  isOver: (one: T) => boolean;
  /** Its time is over, and it is not. */
  onLate: (one: T) => void;
}

/** What has to be over in time, with one timer for all: one for each would cost more than what it watches over. */
export class Deadlines<T extends Timed> {
  readonly #options: DeadlinesOptions<T>;
  readonly #pending = new BriefSet<T>();
  readonly #timer: NodeJS.Timeout;

  constructor(options: DeadlinesOptions<T>) {
    this.#options = options;
    this.#timer = setInterval(() => this.#look(), options.everyMs).unref();
  }

  get size(): number {
    return this.#pending.size;
  }

  add(one: T): void {
    this.#pending.add(one);
  }

  /** It is over. */
  delete(one: T): void {
    this.#pending.delete(one);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const { isOver, onLate } = this.#options;
    const now = performance.now();
    for (const one of this.#pending) {
      const isDone = isOver(one);
      if (!isDone && now < one.deadline) continue;
      this.#pending.delete(one);
      if (!isDone) onLate(one);
    }
  }
}
