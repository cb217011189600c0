import { isRecord } from './json-schema.ts';
import { lengthOf, type PartDraft, type Version } from './edit-history.ts';

/** The part of Storage that is used. */
export type StringStorage = Pick<Storage, 'getItem' | 'setItem' | 'removeItem' | 'key' | 'length'>;

export interface DraftStoreOptions {
  /** @default sessionStorage, which ends with the tab and is no other tab's */
  open?: () => StringStorage;
  /** A longer draft is not kept, in characters. @default 200000 */
  longest?: number;
  /** Of all drafts together, in characters; the ones that were touched longest ago go first. @default 2000000 */
  most?: number;
}

const prefix = 'bkg.payload/';
/** Whose they are, by the prefix of a key. */
const ownerKey = 'bkg-payloads-of';

/** Payloads that somebody began, kept over a reload. A browser may refuse to keep anything: nothing here throws. */
export class DraftStore {
  #open: () => StringStorage;
  #longest: number;
  #most: number;

  constructor({ open = () => sessionStorage, longest = 200_000, most = 2_000_000 }: DraftStoreOptions = {}) {
    this.#open = open;
    this.#longest = longest;
    this.#most = most;
  }

  /** Undefined when nothing was kept, or what stands there is none of ours. */
  read(pluginId: string, capability: string): Version | undefined {
    try {
      return versionOf(this.#open().getItem(keyOf(pluginId, capability)));
    } catch {
      return undefined;
    }
  }

  /** @returns whether it is kept: false when it is too long or the browser refuses */
  write(pluginId: string, capability: string, { text, drafts }: Version): boolean {
    const key = keyOf(pluginId, capability);
    try {
      const storage = this.#open();
      // Rather none than one from before this change.
      storage.removeItem(key);
      if (text.length + lengthOf(drafts) > this.#longest) return false;
      const value = JSON.stringify([Date.now(), text, [...drafts]]);
      makeRoom(storage, this.#most - value.length);
      storage.setItem(key, value);
      return true;
    } catch {
      return false;
    }
  }

  remove(pluginId: string, capability: string): void {
    try {
      this.#open().removeItem(keyOf(pluginId, capability));
    } catch {
      // Where nothing may be kept there is nothing to remove.
    }
  }

  /** Drafts of another owner are gone. */
  keepFor(owner: string): void {
    try {
      const storage = this.#open();
      if (storage.getItem(ownerKey) === owner) return;
      makeRoom(storage, -1);
      storage.setItem(ownerKey, owner);
    } catch {
      // Where nothing may be kept there is nothing of anybody.
    }
  }

  clear(): void {
    try {
      makeRoom(this.#open(), -1);
    } catch {
      // The same.
    }
  }
}

function keyOf(pluginId: string, capability: string): string {
  return `${prefix}${encodeURIComponent(pluginId)}/${encodeURIComponent(capability)}`;
}

function makeRoom(storage: StringStorage, most: number): void {
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

function versionOf(kept: string | null): Version | undefined {
  if (kept === null) return undefined;
  const value: unknown = JSON.parse(kept);
  if (!Array.isArray(value)) return undefined;
  const [, text, drafts] = value as unknown[];
  if (typeof text !== 'string' || !Array.isArray(drafts)) return undefined;
  return { text, drafts: new Map(drafts.filter(isDraftEntry)) };
}

function isDraftEntry(entry: unknown): entry is [string, PartDraft] {
  if (!Array.isArray(entry)) return false;
  const [pointer, draft] = entry as unknown[];
  return (
    typeof pointer === 'string' &&
    isRecord(draft) &&
    typeof draft['text'] === 'string' &&
    typeof draft['base'] === 'string'
  );
}
