/** Something that has work to do until it says that there is none left. */
export interface Worker {
  /** A piece of its work, short. */
  work(): void;
  /** After one or several pieces: others have their turn. */
  rest(): void;
}

/** For how long clients are served before the event loop gets a turn. */
const sliceMs = 5;

/**
 * Serves many clients without stopping everything else: a change that a thousand of them hear of is told in slices,
 * between which the gateway takes requests.
 */
export class Turns {
  readonly #due = new Set<Worker>();
  readonly #served = new Set<Worker>();
  #isRunning = false;
  #endsAt = 0;

  /** `worker` is served once, soon. */
  add(worker: Worker): void {
    this.#due.add(worker);
    if (this.#isRunning) return;
    this.#isRunning = true;
    setImmediate(this.#begin);
  }

  delete(worker: Worker): void {
    this.#due.delete(worker);
  }

  readonly #begin = (): void => {
    this.#endsAt = performance.now() + sliceMs;
    this.#serve();
  };

  readonly #serve = (): void => {
    for (const worker of this.#due) {
      this.#due.delete(worker);
      this.#served.add(worker);
      worker.work();
      if (performance.now() > this.#endsAt) return this.#end();
    }
    // What was sent may have made room for the next chunk of a stream. That is known when all promises have been followed:
    // in the same slice, because one chunk for each turn of the event loop is slow where they are small.
    queueMicrotask(() => process.nextTick(this.#goOn));
  };

  readonly #goOn = (): void => {
    if (this.#due.size > 0 && performance.now() <= this.#endsAt) this.#serve();
    else this.#end();
  };

  #end(): void {
    for (const worker of this.#served) worker.rest();
    this.#served.clear();
    this.#isRunning = this.#due.size > 0;
    if (this.#isRunning) setImmediate(this.#begin);
  }
}
