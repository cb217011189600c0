/** So much of a secret that nobody guesses it, and that what is left cannot be guessed either: 50 bits of 256. */
const handleLength = 10;

/**
 * Which keys and sessions were good lately, by the beginning of their secrets: what is tried with another beginning is
 * counted apart from them, without anything being computed, so that guesses do not keep them from working. That one has
 * ended meanwhile does not matter for that.
 */
export class KnownSecrets {
  readonly #most: number;
  /** The one that was used longest ago first. */
  readonly #scopes = new Set<string>();

  constructor(most = 10_000) {
    this.#most = most;
  }

  get size(): number {
    return this.#scopes.size;
  }

  /** What of an address is counted together with this secret. */
  scopeOf(kind: 'key' | 'session', secret: string): string {
    const scope = scopeOfKnown(kind, secret);
    return this.#scopes.has(scope) ? scope : kind;
  }

  /** It was good just now. */
  note(kind: 'key' | 'session', secret: string): void {
    const scope = scopeOfKnown(kind, secret);
    this.#scopes.delete(scope);
    this.#scopes.add(scope);
    const [oldest] = this.#scopes;
    if (this.#scopes.size > this.#most && oldest !== undefined) this.#scopes.delete(oldest);
  }
}

function scopeOfKnown(kind: string, secret: string): string {
  return `${kind} ${secret.slice(0, handleLength)}`;
}
