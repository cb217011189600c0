import { tick } from 'svelte';
import type { FormSession } from './form/form-session.svelte.ts';
import { plural } from './format.ts';
import type { Payload } from './payload.svelte.ts';
import type { HistoryCommand } from './typed-edit.ts';

/** The JSON editor, as far as it is needed here. */
interface TextView {
  control: () => HTMLTextAreaElement;
  select: (start: number, end: number) => void;
  show: (offset: number) => void;
}

export interface StepPlace {
  payload: Payload;
  session: FormSession;
  /** Undefined while there is none. */
  editor: () => TextView | undefined;
}

/**
 * Undoes a change of a payload, or does it again. The keyboard stays in the view that it is in, and goes to what changed.
 * @param from what had the keyboard
 * @returns what is to be said of it; undefined when there was nothing to do
 */
export async function stepPayload(
  { payload, session, editor }: StepPlace,
  command: HistoryCommand,
  from: EventTarget | null,
): Promise<string | undefined> {
  const restored = payload[command]();
  if (!restored) return undefined;
  await tick();
  const view = editor();
  if (view && from === view.control()) {
    const { start, end } = (restored.place === undefined && restored.selection) || restored.changed;
    view.select(start, end);
  } else {
    view?.show(restored.changed.start);
    const isInForm = from instanceof Node && session.element?.contains(from) === true;
    await session.restore(restored.place, restored.selection, isInForm);
  }
  return `${command === 'undo' ? 'Undone' : 'Done again'}; ${plural(payload.undoable, 'change')} left to undo.`;
}

/** Whether an event that means undo or redo is about the payload: some fields keep the browser's own. */
export function isPayloadStep(event: Event): boolean {
  if (event.defaultPrevented) return false;
  return !(event.target instanceof Element && event.target.closest('[data-own-undo]'));
}
