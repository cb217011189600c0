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
    for (const listener of this.#listeners) listener(this.#now);
  }

  on(listener: StateListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
