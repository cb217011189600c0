/** So much of a secret that nobody guesses it, and that what is left cannot be guessed either: 50 bits of 256. */
const handleLength = 10;

/**
 * Which sessions were good lately, by the beginning of their secrets: what is tried with another beginning is counted
 * apart from them, without anything being computed. That one has ended meanwhile does not matter for that.
 */
export class KnownSessions {
  readonly #most: number;
  /** The one that was used longest ago first. */
  readonly #handles = new Set<string>();

  constructor(most = 10_000) {
    this.#most = most;
  }

  get size(): number {
    return this.#handles.size;
  }

  /** What of an address is counted together with this secret. */
  scopeOf(secret: string): string {
    const handle = secret.slice(0, handleLength);
    return this.#handles.has(handle) ? `session ${handle}` : 'session';
  }

  /** It was good just now. */
  note(secret: string): void {
    const handle = secret.slice(0, handleLength);
    this.#handles.delete(handle);
    this.#handles.add(handle);
    const [oldest] = this.#handles;
    if (this.#handles.size > this.#most && oldest !== undefined) this.#handles.delete(oldest);
  }
}
