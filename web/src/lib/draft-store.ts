import { isRecord } from '@bkg/sdk/protocol';
import { OwnedEntries, type StringStorage } from './owned-entries.ts';
import { lengthOf, type PartDraft, type Version } from './edit-history.ts';

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
  #entries: OwnedEntries;
  #longest: number;
  #most: number;

  constructor({ open = () => sessionStorage, longest = 200_000, most = 2_000_000 }: DraftStoreOptions = {}) {
    this.#entries = new OwnedEntries({ open, prefix, ownerKey });
    this.#longest = longest;
    this.#most = most;
  }

  /** Undefined when nothing was kept, or what stands there is none of ours. */
  read(pluginId: string, capability: string): Version | undefined {
    try {
      return versionOf(this.#entries.open().getItem(keyOf(pluginId, capability)));
    } catch {
      return undefined;
    }
  }

  /** @returns whether it is kept: false when it is too long or the browser refuses */
  write(pluginId: string, capability: string, { text, drafts }: Version): boolean {
    const key = keyOf(pluginId, capability);
    try {
      const storage = this.#entries.open();
      // Rather none than one from before this change.
      storage.removeItem(key);
      if (text.length + lengthOf(drafts) > this.#longest) return false;
      const value = JSON.stringify([Date.now(), text, [...drafts]]);
      this.#entries.makeRoom(storage, this.#most - value.length);
      storage.setItem(key, value);
      return true;
    } catch {
      return false;
    }
  }

  remove(pluginId: string, capability: string): void {
    try {
      this.#entries.open().removeItem(keyOf(pluginId, capability));
    } catch {
      // Where nothing may be kept there is nothing to remove.
    }
  }

  /** Drafts of another owner are gone. */
  keepFor(owner: string): void {
    this.#entries.keepFor(owner);
  }

  clear(): void {
    this.#entries.clear();
  }
}

function keyOf(pluginId: string, capability: string): string {
  return `${prefix}${encodeURIComponent(pluginId)}/${encodeURIComponent(capability)}`;
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
