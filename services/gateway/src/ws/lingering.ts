export interface LingeringOptions<Kept> {
  /** How long it goes on for somebody who may come back. */
  keptMs: number;
  /** So many may go on without anybody; beyond, the one that was left first is ended at once. */
  idleMost: number;
  begin: (key: string) => Kept;
  end: (kept: Kept) => void;
}

interface Held<Kept> {
  kept: Kept;
  users: number;
  late: NodeJS.Timeout | undefined;
}

/** What begins with the first who needs it, is shared by all, and goes on for a while after the last has left. */
export class Lingering<Kept> {
  readonly #options: LingeringOptions<Kept>;
  readonly #held = new Map<string, Held<Kept>>();
  /** Those without users, in the order in which these left. */
  readonly #idle = new Set<string>();

  constructor(options: LingeringOptions<Kept>) {
    this.#options = options;
  }

  get size(): number {
    return this.#held.size;
  }

  keys(): Iterable<string> {
    return this.#held.keys();
  }

  get(key: string): Kept | undefined {
    return this.#held.get(key)?.kept;
  }

  has(key: string): boolean {
    return this.#held.has(key);
  }

  /** Each is to be followed by one `release`. */
  keep(key: string): Kept {
    const held = this.#held.get(key) ?? this.#begin(key);
    clearTimeout(held.late);
    this.#idle.delete(key);
    held.users += 1;
    return held.kept;
  }

  release(key: string): void {
    const held = this.#held.get(key);
    if (!held) return;
    held.users -= 1;
    if (held.users > 0) return;
    held.late = setTimeout(() => this.#end(key), this.#options.keptMs).unref();
    this.#idle.add(key);
    // A client may name any number of plugins one after the other, also such as do not exist.
    for (const oldest of this.#idle) {
      if (this.#idle.size <= this.#options.idleMost) return;
      this.#end(oldest);
    }
  }

  /** Nothing is ended any more. */
  close(): void {
    for (const { late } of this.#held.values()) clearTimeout(late);
  }

  #begin(key: string): Held<Kept> {
    const held = { kept: this.#options.begin(key), users: 0, late: undefined };
    this.#held.set(key, held);
    return held;
  }

  #end(key: string): void {
    const held = this.#held.get(key);
    if (!held) return;
    clearTimeout(held.late);
    this.#idle.delete(key);
    this.#held.delete(key);
    this.#options.end(held.kept);
  }
}
