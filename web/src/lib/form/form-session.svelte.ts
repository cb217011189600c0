import { createContext, tick } from 'svelte';
import { SvelteMap, SvelteSet } from 'svelte/reactivity';
import type { Choice } from './field.ts';
import { noMistakes, type Placed } from './place-mistakes.ts';
import { addItem, moveItem, pointerTo, removeChild, replaceValue, setMember, textAt } from './json-edit.ts';

/** What somebody typed into a JSON field while it is no JSON. */
export interface PartDraft {
  text: string;
  /** The value it stands in for; when that changes elsewhere, the draft is over. */
  base: string;
}

export interface FormSessionOptions {
  read: () => string;
  write: (text: string) => void;
  drafts: SvelteMap<string, PartDraft>;
  onrun: () => void;
}

/** What the fields of one form share: how they change the text, and what is said at them. */
export class FormSession {
  /** Where mistakes are told: fields that were left once, and after a try to send all of them. */
  touched = new SvelteSet<string>();
  tried = $state(false);
  mistakes = $state.raw<Placed>(noMistakes);
  /** For readers of the screen. */
  said = $state('');
  element: HTMLElement | undefined;
  readonly run: () => void;
  readonly drafts: SvelteMap<string, PartDraft>;
  #read: () => string;
  #write: (text: string) => void;
  /** What was there before null or another variant was chosen. */
  #remembered: Record<string, string> = {};

  constructor({ read, write, drafts, onrun }: FormSessionOptions) {
    this.#read = read;
    this.#write = write;
    this.drafts = drafts;
    this.run = onrun;
  }

  mistakesAt(pointer: string): readonly string[] {
    return this.tried || this.touched.has(pointer) ? (this.mistakes.get(pointer) ?? []) : [];
  }

  set(pointer: string, value: string): void {
    this.#write(replaceValue(this.#read(), pointer, value));
  }

  /** Another value instead; what was there comes back with `recall`. */
  exchange(pointer: string, was: string, value: string): void {
    const text = this.#read();
    this.#remembered[`${pointer}\n${was}`] = textAt(text, pointer) ?? '';
    this.set(pointer, value);
  }

  recall(pointer: string, was: string): string | undefined {
    return this.#remembered[`${pointer}\n${was}`];
  }

  choose(pointer: string, options: readonly Choice[], from: number | undefined, to: number): void {
    const value = this.recall(pointer, `variant ${to}`) ?? options[to]?.value();
    if (value !== undefined) this.exchange(pointer, `variant ${from}`, value);
  }

  async addMember(objectPointer: string, name: string, value: string): Promise<void> {
    this.#write(setMember(this.#read(), objectPointer, name, value));
    await this.focus(pointerTo(objectPointer, name));
  }

  async leaveOut(objectPointer: string, name: string): Promise<void> {
    this.#moved(removeChild(this.#read(), objectPointer, name));
    await this.focus(`+${pointerTo(objectPointer, name)}`, objectPointer);
  }

  async addItem(arrayPointer: string, index: number, value: string): Promise<void> {
    this.#write(addItem(this.#read(), arrayPointer, value));
    await this.focus(pointerTo(arrayPointer, index));
  }

  async removeItem(arrayPointer: string, index: number): Promise<void> {
    this.#moved(removeChild(this.#read(), arrayPointer, index));
    this.said = `Item ${index + 1} removed.`;
    await this.focus(pointerTo(arrayPointer, index), `+${arrayPointer}`);
  }

  async moveItem(arrayPointer: string, index: number, by: 1 | -1): Promise<void> {
    this.#moved(moveItem(this.#read(), arrayPointer, index, by));
    this.said = `Item ${index + 1} is now item ${index + by + 1}.`;
    const moved = pointerTo(arrayPointer, index + by);
    const [same, other] = by === 1 ? ['down', 'up'] : ['up', 'down'];
    await this.focus(`${same} ${moved}`, `${other} ${moved}`);
  }

  /** Puts the keyboard where the first of the places is that can take it. */
  async focus(...places: string[]): Promise<boolean> {
    await tick();
    for (const place of places) {
      const target = this.element?.querySelector<HTMLElement>(
        `[data-pointer="${CSS.escape(place)}"]:not(:disabled)`,
      );
      if (!target) continue;
      target.focus();
      target.scrollIntoView({ block: 'nearest' });
      return true;
    }
    return false;
  }

  /** After this, places may be others': what was said of them is over. */
  #moved(text: string): void {
    this.touched.clear();
    this.drafts.clear();
    this.#remembered = {};
    this.#write(text);
  }
}

export const [getFormSession, setFormSession] = createContext<FormSession>();
