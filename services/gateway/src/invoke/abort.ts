import type { AbortListener, Signal } from '@bkg/sdk';

/** Ends the wait for one invocation, for all who are in it. An `AbortController` does. */
export interface Abortable {
  readonly signal: Signal;
  abort(reason: unknown): void;
}

/** An `AbortController` that is its own signal: there is one for each invocation, and events of the DOM cost it most of a µs. */
export class Abort implements Abortable, Signal {
  #isAborted = false;
  #reason: unknown;
  readonly #listeners: AbortListener[] = [];

  get signal(): Signal {
    return this;
  }

  get aborted(): boolean {
    return this.#isAborted;
  }

  get reason(): unknown {
    return this.#reason;
  }

  abort(reason: unknown): void {
    if (this.#isAborted) return;
    this.#isAborted = true;
    this.#reason = reason;
    // Those that go meanwhile are called all the same, and none twice.
    for (const listener of this.#listeners.splice(0)) {
      if (typeof listener === 'function') listener();
      else listener.handleEvent();
    }
  }

  addEventListener(_type: 'abort', listener: AbortListener): void {
    this.#listeners.push(listener);
  }

  removeEventListener(_type: 'abort', listener: AbortListener): void {
    const place = this.#listeners.indexOf(listener);
    if (place >= 0) this.#listeners.splice(place, 1);
  }
}
