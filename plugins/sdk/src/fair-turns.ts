/** So long all streams of a process together may go on before the event loop gets its turn. */
const turnMostMs = 5;

/**
 * Lets streams that never wait for anything share the event loop with everything else: messages arrive, timers fire and
 * other streams go on although a generator has always something to yield and its receiver always room.
 */
class FairTurns {
  /** When this turn of the event loop began to be used, as `performance.now()` gives it. */
  #began: number | undefined;
  #next: Promise<void> | undefined;

  /** Undefined while this turn may go on; else to be awaited, and asked again after it: first come, first served. */
  pause(): Promise<void> | undefined {
    const now = performance.now();
    if (this.#began === undefined) {
      this.#began = now;
      this.#next = new Promise((resolve) => {
        setImmediate(() => {
          this.#began = undefined;
          resolve();
        });
      });
      return undefined;
    }
    return now - this.#began < turnMostMs ? undefined : this.#next;
  }
}

/** There is one event loop. */
export const fairTurns = new FairTurns();
