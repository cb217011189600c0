import type { Edit, Selection } from './edit-history.ts';

type TextControl = HTMLInputElement | HTMLTextAreaElement;

const cursors = new WeakMap<TextControl, Selection>();

/** To be called at every `beforeinput`: afterwards nobody can tell where the cursor was. */
export function noteCursor({ target }: Event): void {
  if (target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement)
    cursors.set(target, selectionOf(target));
}

/** What an `input` event did, for the history. */
export function editOf(event: Event & { currentTarget: TextControl }): Edit {
  const { currentTarget: control } = event;
  const before = cursors.get(control);
  return {
    kind: kindOf(event instanceof InputEvent ? event.inputType : ''),
    ...placeOf(control),
    ...(before && { before }),
    after: selectionOf(control),
  };
}

/** The place of the payload that a control stands for. */
export function placeOf({ dataset: { pointer } }: HTMLElement): Pick<Edit, 'place'> {
  return pointer === undefined ? {} : { place: pointer };
}

export function selectionOf({ selectionStart, selectionEnd }: TextControl): Selection {
  return { start: selectionStart ?? 0, end: selectionEnd ?? 0 };
}

function kindOf(inputType: string): Edit['kind'] {
  if (inputType === 'insertText' || inputType === 'insertCompositionText') return 'insert';
  return inputType === 'deleteContentBackward' || inputType === 'deleteContentForward' ? 'delete' : 'other';
}

export type HistoryCommand = 'undo' | 'redo';

/** Ctrl/Cmd+Z, Shift+Ctrl/Cmd+Z and Ctrl+Y; not while a character is being composed. */
export function commandOfKey(
  event: Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'shiftKey' | 'altKey' | 'isComposing'>,
): HistoryCommand | undefined {
  const { ctrlKey, metaKey, shiftKey } = event;
  if (event.altKey || event.isComposing || ctrlKey === metaKey) return undefined;
  const key = event.key.toLowerCase();
  if (key === 'z') return shiftKey ? 'redo' : 'undo';
  return key === 'y' && ctrlKey && !shiftKey ? 'redo' : undefined;
}

/** From a context menu, or the undo of a phone. */
export function commandOfInput({ inputType }: InputEvent): HistoryCommand | undefined {
  if (inputType === 'historyUndo') return 'undo';
  return inputType === 'historyRedo' ? 'redo' : undefined;
}
