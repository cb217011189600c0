interface Store<Key, Value> {
  get(key: Key): Value | undefined;
  set(key: Key, value: Value): unknown;
}

/** What is made for a key the first time it is asked for, and kept. */
export class Once<Key, Value extends object | string> {
  readonly #store: Store<Key, Value>;

  /** @param store a WeakMap to keep it for as long as there is the key, a Map for ever */
  constructor(store: Store<Key, Value>) {
    this.#store = store;
  }

  of(key: Key, make: () => Value): Value {
    const kept = this.#store.get(key);
    if (kept !== undefined) return kept;
    const made = make();
    this.#store.set(key, made);
    return made;
  }
}
