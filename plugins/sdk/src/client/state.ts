import type { ClientState, StateListener } from './client.ts';

/** The state of a client, and who wants to know of its changes. */
export class State {
  readonly #listeners = new Set<StateListener>();
  #now: ClientState;

  constructor(status: ClientState['status']) {
    this.#now = { status, since: new Date() };
  }

  get now(): ClientState {
    return this.#now;
  }

  /** `since` moves only when the status does. */
  set({ status, ...rest }: Omit<ClientState, 'since'>): void {
    const since = status === this.#now.status ? this.#now.since : new Date();
    this.#now = { status, since, ...rest };
    for (const listener of this.#listeners) this.#tell(listener);
  }

  on(listener: StateListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * A listener that throws must not keep the others from hearing of it, nor the client from going on. What it throws is
   * nobody's to swallow either: it surfaces as uncaught, as that of a listener of an `EventTarget` does.
   */
  #tell(listener: StateListener): void {
    try {
      listener(this.#now);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}
