/** Answers that say "not you": of the gateway, or of a plugin that says so by itself. Who is signed in looks again. */
class Refusals {
  #listeners = new Set<() => void>();

  /** @returns ends it */
  on(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** @param path of the request that was refused; what asks for the session itself knows without this */
  tell(path: string): void {
    if (path.startsWith('/api/session')) return;
    for (const listener of this.#listeners) listener();
  }
}

export const refusals = new Refusals();
