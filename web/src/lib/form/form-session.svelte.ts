import { createContext, tick } from 'svelte';
import { SvelteSet } from 'svelte/reactivity';
import { draftsWithout, withDraft, type Edit, type PartDraft, type Selection } from '../edit-history.ts';
import { isWithin, pointerTo } from '../json-pointer.ts';
import type { Payload } from '../payload.svelte.ts';
import type { Choice } from './field.ts';
import { noMistakes, type Placed } from './place-mistakes.ts';
import { addItem, moveItem, removeChild, replaceValue, setMember, textAt } from './json-edit.ts';

export interface FormSessionOptions {
  payload: Payload;
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
  readonly #payload: Payload;
  #isPressed = false;
  #left: string[] = [];
  /** What was there before null or another variant was chosen. */
  #remembered: Record<string, string> = {};

  constructor({ payload, onrun }: FormSessionOptions) {
    this.#payload = payload;
    this.run = onrun;
  }

  mistakesAt(pointer: string): readonly string[] {
    return this.tried || this.touched.has(pointer) ? (this.mistakes.get(pointer) ?? []) : [];
  }

  /**
   * From now on it is said what is wrong with the field. While a button is pressed the words wait: they would move what
   * is pressed away from below the pointer, and the click would be lost.
   */
  leave(pointer: string): void {
    if (this.#isPressed) this.#left.push(pointer);
    else this.touched.add(pointer);
  }

  press(): void {
    this.#isPressed = true;
  }

  release(): void {
    // The click comes right after this.
    setTimeout(() => {
      this.#isPressed = false;
      for (const pointer of this.#left.splice(0)) this.touched.add(pointer);
    });
  }

  set(pointer: string, value: string, edit: Edit = { kind: 'other', place: pointer }): void {
    this.#payload.change({ text: replaceValue(this.#payload.text, pointer, value) }, edit);
  }

  /** What stands in a JSON field instead of the value `base`. */
  draftOf(pointer: string, base: string): string | undefined {
    const draft = this.#payload.drafts.get(pointer);
    return draft?.base === base ? draft.text : undefined;
  }

  keepDraft(pointer: string, draft: PartDraft, edit: Edit): void {
    this.#payload.changeDraft(pointer, draft, edit);
  }

  /** The draft ends, and `value` stands in the payload when it is another. */
  endDraft(pointer: string, value: string | undefined): void {
    const drafts = withDraft(this.#payload.drafts, pointer, undefined);
    const { text } = this.#payload;
    this.#payload.change(
      { drafts, text: value === undefined ? text : replaceValue(text, pointer, value) },
      { kind: 'commit', place: pointer },
    );
  }

  /** Another value instead; what was there comes back with `recall`. */
  exchange(pointer: string, was: string, value: string): void {
    this.#remembered[`${pointer}\n${was}`] = textAt(this.#payload.text, pointer) ?? '';
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
    const place = pointerTo(objectPointer, name);
    const text = setMember(this.#payload.text, objectPointer, name, value);
    this.#payload.change({ text }, { kind: 'other', place });
    await this.focus(place);
  }

  async leaveOut(objectPointer: string, name: string): Promise<void> {
    const place = pointerTo(objectPointer, name);
    this.#moved(removeChild(this.#payload.text, objectPointer, name), place, place);
    await this.focus(`+${place}`, objectPointer);
  }

  async addItem(arrayPointer: string, index: number, value: string): Promise<void> {
    const place = pointerTo(arrayPointer, index);
    this.#payload.change(
      { text: addItem(this.#payload.text, arrayPointer, value) },
      { kind: 'other', place },
    );
    await this.focus(place);
  }

  async removeItem(arrayPointer: string, index: number): Promise<void> {
    const place = pointerTo(arrayPointer, index);
    this.#moved(removeChild(this.#payload.text, arrayPointer, index), place, arrayPointer);
    this.said = `Item ${index + 1} removed.`;
    await this.focus(place, `+${arrayPointer}`);
  }

  async moveItem(arrayPointer: string, index: number, by: 1 | -1): Promise<void> {
    const place = pointerTo(arrayPointer, index);
    this.#moved(moveItem(this.#payload.text, arrayPointer, index, by), place, arrayPointer);
    this.said = `Item ${index + 1} is now item ${index + by + 1}.`;
    const moved = pointerTo(arrayPointer, index + by);
    const [same, other] = by === 1 ? ['down', 'up'] : ['up', 'down'];
    await this.focus(`${same} ${moved}`, `${other} ${moved}`);
  }

  /** Puts the keyboard where the first of the places is that can take it. */
  async focus(...places: string[]): Promise<boolean> {
    const target = await this.#show(places);
    target?.focus();
    return target !== undefined;
  }

  /** Shows where a step was undone or done again, or what is around it; there the keyboard goes, if it is to follow. */
  async restore(
    place: string | undefined,
    selection: Selection | undefined,
    follows: boolean,
  ): Promise<void> {
    this.#remembered = {};
    const target = await this.#show(place === undefined ? [] : placesAround(place));
    if (!follows) return;
    target?.focus();
    const isText =
      target instanceof HTMLTextAreaElement || (target instanceof HTMLInputElement && target.type === 'text');
    if (isText && selection && target.dataset['pointer'] === place)
      target.setSelectionRange(selection.start, selection.end);
    // What had the keyboard may be gone with the step.
    if (!this.element?.contains(document.activeElement)) await this.focus('');
  }

  async #show(places: readonly string[]): Promise<HTMLElement | undefined> {
    await tick();
    for (const place of places) {
      const target = this.element?.querySelector<HTMLElement>(
        `[data-pointer="${CSS.escape(place)}"]:not(:disabled)`,
      );
      if (!target) continue;
      target.scrollIntoView({ block: 'nearest' });
      return target;
    }
    return undefined;
  }

  /** After this, places within may be others': what was said of them is over. */
  #moved(text: string, place: string, within: string): void {
    const isOver = (pointer: string) => isWithin(pointer, within);
    for (const pointer of this.touched) if (isOver(pointer)) this.touched.delete(pointer);
    this.#remembered = {};
    const drafts = draftsWithout(this.#payload.drafts, isOver);
    this.#payload.change({ text, drafts }, { kind: 'other', place });
  }
}

/** The place, the button that adds it, and so on outwards. */
function placesAround(place: string): string[] {
  const places = [place, `+${place}`];
  for (let at = place.lastIndexOf('/'); at >= 0; at = place.lastIndexOf('/', at - 1)) {
    places.push(place.slice(0, at), `+${place.slice(0, at)}`);
    if (at === 0) break;
  }
  return places;
}

export const [getFormSession, setFormSession] = createContext<FormSession>();
