import {
  EditHistory,
  noDrafts,
  withDraft,
  type Edit,
  type PartDraft,
  type PartDrafts,
  type Restored,
  type Version,
} from './edit-history.ts';
import type { DraftStore } from './draft-store.ts';

/** Where what was typed is kept, for a reload. */
export type PayloadStore = Pick<DraftStore, 'read' | 'write' | 'remove'>;

/** The payload of one capability as somebody types it, with the way back through all changes. */
export class Payload {
  /** Stands until something else is written; follows the schema until then. */
  sample = $state.raw('');
  /** False when it is changed and would be gone after a reload. */
  isKept = $state(true);
  #written = $state.raw<Version>();
  #steps = $state.raw({ undoable: 0, redoable: 0 });
  #history = new EditHistory();
  #store: PayloadStore;
  #pluginId: string;
  #capability: string;

  constructor(pluginId: string, capability: string, store: PayloadStore) {
    this.#pluginId = pluginId;
    this.#capability = capability;
    this.#store = store;
    this.#written = store.read(pluginId, capability);
  }

  get text(): string {
    return this.#written?.text ?? this.sample;
  }

  /** What stands in JSON fields of the form and is no JSON yet, by JSON pointer. */
  get drafts(): PartDrafts {
    return this.#written?.drafts ?? noDrafts;
  }

  get undoable(): number {
    return this.#steps.undoable;
  }

  get redoable(): number {
    return this.#steps.redoable;
  }

  /** What `next` does not name stays as it is. */
  change(next: Partial<Version>, edit: Edit = { kind: 'other' }): void {
    const from = { text: this.text, drafts: this.drafts };
    const to = { ...from, ...next };
    this.#history.record(from, to, edit);
    this.#put(to);
  }

  changeDraft(pointer: string, draft: PartDraft, edit: Edit): void {
    this.change({ drafts: withDraft(this.drafts, pointer, draft) }, edit);
  }

  /** Back to the sample; can be undone like anything else. */
  reset(): void {
    this.change({ text: this.sample, drafts: noDrafts });
  }

  /** @returns where something changed; undefined when there is nothing to undo */
  undo(): Restored | undefined {
    return this.#restore(this.#history.undo({ text: this.text, drafts: this.drafts }));
  }

  /** @returns where something changed; undefined when there is nothing to redo */
  redo(): Restored | undefined {
    return this.#restore(this.#history.redo({ text: this.text, drafts: this.drafts }));
  }

  #restore(restored: Restored | undefined): Restored | undefined {
    if (restored) this.#put(restored.version);
    return restored;
  }

  #put(version: Version): void {
    this.#written = version;
    this.#steps = { undoable: this.#history.undoable, redoable: this.#history.redoable };
    if (version.text !== this.sample || version.drafts.size > 0) {
      this.isKept = this.#store.write(this.#pluginId, this.#capability, version);
    } else {
      this.#store.remove(this.#pluginId, this.#capability);
      this.isKept = true;
    }
  }
}
