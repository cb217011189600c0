/** The part of Storage that is used. */
export type StringStorage = Pick<Storage, 'getItem' | 'setItem' | 'removeItem' | 'key' | 'length'>;

export interface OwnedEntriesOptions {
  open: () => StringStorage;
  /** Their keys begin with it; each is JSON that begins with `[` and the time in ms since the epoch. */
  prefix: string;
  /** Under which it is kept whose they are: by the prefix of an API key. */
  ownerKey: string;
}

/** What a browser keeps of one kind for one owner. It may refuse to keep anything: `keepFor` and `clear` do not throw. */
export class OwnedEntries {
  readonly #options: OwnedEntriesOptions;

  constructor(options: OwnedEntriesOptions) {
    this.#options = options;
  }

  /** @throws what the browser throws where nothing may be kept */
  open(): StringStorage {
    return this.#options.open();
  }

  /** Those of another owner are gone. */
  keepFor(owner: string): void {
    const { ownerKey } = this.#options;
    try {
      const storage = this.open();
      if (storage.getItem(ownerKey) === owner) return;
      this.makeRoom(storage, -1);
      storage.setItem(ownerKey, owner);
    } catch {
      // Where nothing may be kept there is nothing of anybody.
    }
  }

  clear(): void {
    try {
      this.makeRoom(this.open(), -1);
    } catch {
      // The same.
    }
  }

  /** Until they have at most so many characters together; the ones that were written longest ago go first. */
  makeRoom(storage: StringStorage, most: number): void {
    const { prefix } = this.#options;
    const kept = Array.from({ length: storage.length }, (_, i) => storage.key(i) ?? '')
      .filter((key) => key.startsWith(prefix))
      .map((key) => ({ key, value: storage.getItem(key) ?? '' }));
    let characters = kept.reduce((sum, { value }) => sum + value.length, 0);
    // The time stands first, so that megabytes need not be read for it.
    const timeOf = (value: string) => parseInt(value.slice(1), 10) || 0;
    for (const { key, value } of kept.sort((a, b) => timeOf(a.value) - timeOf(b.value))) {
      if (characters <= most) return;
      storage.removeItem(key);
      characters -= value.length;
    }
  }
}
