import type { Field } from './form/field.ts';
import type { FormSession } from './form/form-session.svelte.ts';
import { placeMistakes } from './form/place-mistakes.ts';
import { locatePointer } from './json-tree.ts';
import type { PayloadView } from './payload-view.ts';

/** A payload as it is shown now. */
export interface ShownPayload {
  text: string;
  view: PayloadView;
  form: Field | undefined;
  session: FormSession;
  /** Of its JSON; undefined where that is not shown. */
  editor: { select: (start: number, end: number) => void } | undefined;
}

/** Puts the keyboard where a JSON pointer leads: to the field that shows the place, else into the JSON. */
export async function showPlace(
  { text, view, form, session, editor }: ShownPayload,
  pointer: string,
): Promise<void> {
  const fields = form ? placeMistakes(form, [{ path: pointer, message: '' }]).keys() : [];
  if (view === 'form' && (await session.focus(...fields))) return;
  const place = locatePointer(text, pointer);
  if (place) editor?.select(place.start, place.end);
}
