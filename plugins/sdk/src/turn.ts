/**
 * Joins what is sent in one turn of the event loop. nats.js writes to its socket once for all that is published in one run
 * of microtasks, but requests of many HTTP connections, or answers of many timers, come in a run each: gathered until the
 * end of the turn they cost one write instead of dozens.
 *
 * Who is alone gains nothing and would wait for nothing: while each turn has one item, it is sent at once.
 */
export class Turn<T> {
  readonly #send: (item: T) => void;
  readonly #keep: ((item: T) => void) | undefined;
  #waiting: T[] = [];
  #count = 0;
  #isScheduled = false;
  #joins = false;

  /**
   * @param send is given every item, in order; it must not throw
   * @param keep is given an item that has to wait
   */
  constructor(send: (item: T) => void, keep?: (item: T) => void) {
    this.#send = send;
    this.#keep = keep;
  }

  add(item: T): void {
    this.#count += 1;
    if (!this.#isScheduled) {
      this.#isScheduled = true;
      setImmediate(this.#end);
    }
    if (!this.#joins) return this.#send(item);
    this.#keep?.(item);
    this.#waiting.push(item);
  }

  /** Sends now what waits. */
  flush(): void {
    if (this.#waiting.length === 0) return;
    const items = this.#waiting;
    this.#waiting = [];
    for (const item of items) this.#send(item);
  }

  readonly #end = (): void => {
    this.#isScheduled = false;
    // As it was in this turn it is likely to be in the next.
    this.#joins = this.#count > 1;
    this.#count = 0;
    this.flush();
  };
}
