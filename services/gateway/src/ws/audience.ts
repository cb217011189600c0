/** Undefined: all of them. */
export type PluginFilter = ReadonlySet<string> | undefined;

/** Who wants to hear of which plugins. */
export class Audience<Member> {
  readonly #ofAll = new Set<Member>();
  readonly #ofOne = new Map<string, Set<Member>>();

  /** @returns ends it */
  add(plugins: PluginFilter, member: Member): () => void {
    if (!plugins) {
      this.#ofAll.add(member);
      return () => this.#ofAll.delete(member);
    }
    for (const id of plugins) {
      const members = this.#ofOne.get(id) ?? new Set();
      this.#ofOne.set(id, members.add(member));
    }
    return () => {
      for (const id of plugins) {
        const members = this.#ofOne.get(id);
        members?.delete(member);
        if (members?.size === 0) this.#ofOne.delete(id);
      }
    };
  }

  /** Whether anybody wants to hear of this plugin. */
  has(id: string): boolean {
    return this.#ofAll.size > 0 || this.#ofOne.has(id);
  }

  /** Whether anybody wants to hear of this plugin who has named it. */
  isNamed(id: string): boolean {
    return this.#ofOne.has(id);
  }

  everybody(): ReadonlySet<Member> {
    return this.of(this.#ofOne.keys());
  }

  /** Everybody who wants to hear of at least one of these plugins, each once. */
  of(ids: Iterable<string>): ReadonlySet<Member> {
    let members: Set<Member> | undefined;
    for (const id of ids) {
      const named = this.#ofOne.get(id);
      if (!named) continue;
      members ??= new Set(this.#ofAll);
      for (const member of named) members.add(member);
    }
    return members ?? this.#ofAll;
  }
}
