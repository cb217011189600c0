/** What stands in a text control between these two places is selected, in UTF-16 units. */
export interface Selection {
  start: number;
  end: number;
}

/** How a change came about, and where. */
export interface Edit {
  /** What is typed, or deleted, without a pause is one step; anything else is a step by itself. `commit` makes one step
   * of the drafts of its place and the change they ended in. */
  kind: 'insert' | 'delete' | 'commit' | 'other';
  /** JSON pointer of the place in the form; undefined when the text was changed as a whole. */
  place?: string;
  /** Of the control that was typed into. */
  before?: Selection;
  after?: Selection;
}

/** What somebody typed into a JSON field while it is no JSON. */
export interface PartDraft {
  text: string;
  /** The value it stands in for; when that changes elsewhere, the draft is over. */
  base: string;
}

export type PartDrafts = ReadonlyMap<string, PartDraft>;

export const noDrafts: PartDrafts = new Map();

export interface Version {
  text: string;
  /** By JSON pointer. */
  drafts: PartDrafts;
}

/** A version that was gone back to, and where it differs from the one before. */
export interface Restored {
  version: Version;
  place: string | undefined;
  /** In the control of that place. */
  selection: Selection | undefined;
  /** In the text. */
  changed: Selection;
}

interface Step {
  at: number;
  removed: string;
  inserted: string;
  draftsBefore: PartDrafts;
  draftsAfter: PartDrafts;
  edit: Edit;
  time: number;
}

export interface EditHistoryOptions {
  /** @default 300 */
  stepsMost?: number;
  /** Of all that the steps took away and put in; the newest step stays however long it is. @default 4000000 */
  charactersMost?: number;
  /** A longer pause begins a new step. @default 1000 */
  pauseMs?: number;
}

/** The way back through the changes of one text, and forth again. */
export class EditHistory {
  #past: Step[] = [];
  #future: Step[] = [];
  #characters = 0;
  /** What is typed after going back is no part of what was typed before. */
  #mayJoin = false;
  #stepsMost: number;
  #charactersMost: number;
  #pauseMs: number;

  constructor({ stepsMost = 300, charactersMost = 4_000_000, pauseMs = 1_000 }: EditHistoryOptions = {}) {
    this.#stepsMost = stepsMost;
    this.#charactersMost = charactersMost;
    this.#pauseMs = pauseMs;
  }

  get undoable(): number {
    return this.#past.length;
  }

  get redoable(): number {
    return this.#future.length;
  }

  /** @param now ms, on any clock that does not go back */
  record(from: Version, to: Version, edit: Edit, now = performance.now()): void {
    let step = stepBetween(from, to, edit, now);
    if (isNothing(step)) return;
    for (const gone of this.#future.splice(0)) this.#characters -= sizeOf(gone);
    let begin = from;
    for (let last = this.#past.at(-1); last && this.#joins(last, step); last = this.#past.at(-1)) {
      this.#past.pop();
      this.#characters -= sizeOf(last);
      begin = backThrough(last, begin);
      step = stepBetween(begin, to, joined(last.edit, edit), now);
    }
    this.#mayJoin = true;
    if (isNothing(step)) return;
    this.#past.push(step);
    this.#characters += sizeOf(step);
    this.#dropOldest();
  }

  /** The version before the last step; undefined when there is none. */
  undo(current: Version): Restored | undefined {
    const step = this.#past.pop();
    if (!step) return undefined;
    this.#future.push(step);
    this.#mayJoin = false;
    return {
      version: backThrough(step, current),
      place: step.edit.place,
      selection: step.edit.before,
      changed: { start: step.at, end: step.at + step.removed.length },
    };
  }

  /** The version after the step that was last undone; undefined when there is none. */
  redo(current: Version): Restored | undefined {
    const step = this.#future.pop();
    if (!step) return undefined;
    this.#past.push(step);
    this.#mayJoin = false;
    return {
      version: forthThrough(step, current),
      place: step.edit.place,
      selection: step.edit.after,
      changed: { start: step.at, end: step.at + step.inserted.length },
    };
  }

  #joins(last: Step, step: Step): boolean {
    if (last.edit.place !== step.edit.place) return false;
    if (step.edit.kind === 'commit') return last.removed === '' && last.inserted === '';
    return (
      this.#mayJoin &&
      step.edit.kind !== 'other' &&
      last.edit.kind === step.edit.kind &&
      step.time - last.time < this.#pauseMs &&
      last.edit.after !== undefined &&
      last.edit.after.start === step.edit.before?.start &&
      last.edit.after.end === step.edit.before.end
    );
  }

  #dropOldest(): void {
    while (
      this.#past.length > this.#stepsMost ||
      (this.#characters > this.#charactersMost && this.#past.length > 1)
    ) {
      const oldest = this.#past.shift();
      if (oldest) this.#characters -= sizeOf(oldest);
    }
  }
}

function joined(first: Edit, last: Edit): Edit {
  const { before: _, ...rest } = last;
  return { ...rest, ...(first.before && { before: first.before }) };
}

function stepBetween(from: Version, to: Version, edit: Edit, time: number): Step {
  const shorter = Math.min(from.text.length, to.text.length);
  let at = 0;
  while (at < shorter && from.text.charCodeAt(at) === to.text.charCodeAt(at)) at++;
  let same = 0;
  while (
    same < shorter - at &&
    from.text.charCodeAt(from.text.length - 1 - same) === to.text.charCodeAt(to.text.length - 1 - same)
  )
    same++;
  return {
    at,
    removed: from.text.slice(at, from.text.length - same),
    inserted: to.text.slice(at, to.text.length - same),
    draftsBefore: from.drafts,
    draftsAfter: to.drafts,
    edit,
    time,
  };
}

function isNothing({ removed, inserted, draftsBefore, draftsAfter }: Step): boolean {
  return removed === '' && inserted === '' && haveEqualDrafts(draftsBefore, draftsAfter);
}

function haveEqualDrafts(a: PartDrafts, b: PartDrafts): boolean {
  if (a === b) return true;
  if (a.size !== b.size) return false;
  return [...a].every(([pointer, { text, base }]) => {
    const other = b.get(pointer);
    return other?.text === text && other.base === base;
  });
}

function backThrough({ at, removed, inserted, draftsBefore }: Step, { text }: Version): Version {
  return { text: text.slice(0, at) + removed + text.slice(at + inserted.length), drafts: draftsBefore };
}

function forthThrough({ at, removed, inserted, draftsAfter }: Step, { text }: Version): Version {
  return { text: text.slice(0, at) + inserted + text.slice(at + removed.length), drafts: draftsAfter };
}

function sizeOf({ removed, inserted, draftsBefore, draftsAfter }: Step): number {
  const drafts = draftsBefore === draftsAfter ? 0 : lengthOf(draftsBefore) + lengthOf(draftsAfter);
  return removed.length + inserted.length + drafts;
}

/** Of all drafts, in characters. */
export function lengthOf(drafts: PartDrafts): number {
  return [...drafts.values()].reduce((sum, { text, base }) => sum + text.length + base.length, 0);
}

/** A copy with another draft at one place; without `draft` there is none. */
export function withDraft(drafts: PartDrafts, pointer: string, draft: PartDraft | undefined): PartDrafts {
  const copy = new Map(drafts);
  if (draft) copy.set(pointer, draft);
  else copy.delete(pointer);
  return copy;
}

/** A copy without those that `isOver`. */
export function draftsWithout(drafts: PartDrafts, isOver: (pointer: string) => boolean): PartDrafts {
  return new Map([...drafts].filter(([pointer]) => !isOver(pointer)));
}
