/** Answers that say "not you": of the gateway, or of a plugin that says so by itself. Who is signed in looks again. */
class Refusals {
  #listeners = new Set<() => void>();

  /** @returns ends it */
  on(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Looks at an answer. @param path of the request; what asks for the session itself knows without this */
  look(path: string, { status }: { status: number }): void {
    if ((status !== 401 && status !== 403) || path.startsWith('/api/session')) return;
    for (const listener of this.#listeners) listener();
  }
}

export const refusals = new Refusals();
