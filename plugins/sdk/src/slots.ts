import type { Invocation } from './invocation.ts';
import { refusal } from './refusal.ts';

export interface SlotLimits {
  /** Handlers at the same time. */
  maxConcurrency: number;
  /** Invocations that wait for one of them to end. */
  maxQueue: number;
}

interface Waiter {
  /** Until it has left: what has left a Set is kept by it for a while (see `BriefSet`). */
  enter: (() => void) | undefined;
}

/** How many handlers run, and a bounded queue of those that wait, first come, first served. */
export class Slots {
  #limits: SlotLimits;
  readonly #waiting = new Set<Waiter>();
  #running = 0;

  constructor(limits: SlotLimits) {
    this.#limits = limits;
  }

  get running(): number {
    return this.#running;
  }

  get isFull(): boolean {
    return this.#running >= this.#limits.maxConcurrency;
  }

  get queued(): number {
    return this.#waiting.size;
  }

  /** What runs and waits already stays, also when it is more than is allowed from now on. */
  set limits(limits: SlotLimits) {
    this.#limits = limits;
    this.#letIn();
  }

  /**
   * Undefined when there is a free slot, which is then taken; otherwise a promise of one. Whose answer is due before leaves
   * the queue and takes none.
   * @throws BkgError BUSY when the queue is full
   */
  take(invocation: Pick<Invocation, 'outcomeOf'>): Promise<void> | undefined {
    if (!this.isFull) {
      this.#running += 1;
      return undefined;
    }
    if (this.#waiting.size >= this.#limits.maxQueue) {
      const { maxConcurrency, maxQueue } = this.#limits;
      throw refusal(
        'BUSY',
        `${maxConcurrency} invocations run and ${maxQueue} wait in this instance, which is its limit: try again shortly.`,
      );
    }
    const entered = Promise.withResolvers<void>();
    const waiter: Waiter = { enter: entered.resolve };
    this.#waiting.add(waiter);
    return invocation.outcomeOf(entered.promise).catch((error: unknown) => {
      // Handed a slot in the very turn in which it gave up: passed on, or it would be lost.
      if (!this.#waiting.delete(waiter)) this.give();
      waiter.enter = undefined;
      throw error;
    });
  }

  /** Hands a slot on to the next who waits, unless fewer are allowed by now. */
  give(): void {
    this.#running -= 1;
    this.#letIn();
  }

  #letIn(): void {
    for (const waiter of this.#waiting) {
      if (this.isFull) return;
      this.#waiting.delete(waiter);
      this.#running += 1;
      waiter.enter?.();
      waiter.enter = undefined;
    }
  }
}
