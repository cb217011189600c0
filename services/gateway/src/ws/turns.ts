/** Something that has work to do until it says that there is none left. */
export interface Worker {
  /** A piece of its work, short. */
  work(): void;
}

/** For how long clients are served before the event loop gets a turn. */
const sliceMs = 5;

/**
 * Serves many clients without stopping everything else: a change that a thousand of them hear of is told in slices,
 * between which the gateway takes requests.
 */
export class Turns {
  readonly #due = new Set<Worker>();
  #isRunning = false;

  /** `worker` is served once, soon. */
  add(worker: Worker): void {
    this.#due.add(worker);
    if (this.#isRunning) return;
    this.#isRunning = true;
    setImmediate(this.#run);
  }

  delete(worker: Worker): void {
    this.#due.delete(worker);
  }

  readonly #run = (): void => {
    const endsAt = performance.now() + sliceMs;
    for (const worker of this.#due) {
      this.#due.delete(worker);
      worker.work();
      if (performance.now() > endsAt) break;
    }
    this.#isRunning = this.#due.size > 0;
    if (this.#isRunning) setImmediate(this.#run);
  };
}
