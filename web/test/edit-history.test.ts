import { describe, expect, it } from 'vitest';
import {
  EditHistory,
  noDrafts,
  withDraft,
  type Edit,
  type EditHistoryOptions,
  type Restored,
  type Version,
} from '../src/lib/edit-history.ts';
import { commandOfKey } from '../src/lib/typed-edit.ts';

/** A text with its history, as the page has it. */
function edited(text: string, options?: EditHistoryOptions) {
  const history = new EditHistory(options);
  let current: Version = { text, drafts: noDrafts };
  let now = 0;
  const restore = (restored: Restored | undefined) => {
    if (restored) current = restored.version;
    return restored;
  };
  return {
    history,
    get text() {
      return current.text;
    },
    get drafts() {
      return current.drafts;
    },
    pause: (ms: number) => (now += ms),
    change(next: Partial<Version>, edit: Edit = { kind: 'other' }) {
      const to = { ...current, ...next };
      history.record(current, to, edit, now);
      current = to;
    },
    /** At the cursor, character for character, 100 ms each. */
    type(words: string, at: number, place?: string) {
      for (const [i, char] of [...words].entries()) {
        now += 100;
        const cursor = (offset: number) => ({ start: offset, end: offset });
        this.change(
          { text: current.text.slice(0, at + i) + char + current.text.slice(at + i) },
          { kind: 'insert', ...(place && { place }), before: cursor(at + i), after: cursor(at + i + 1) },
        );
      }
    },
    undo: () => restore(history.undo(current)),
    redo: () => restore(history.redo(current)),
  };
}

describe('the history of a text', () => {
  it('goes back to every version and forth again, whatever was changed', () => {
    const page = edited('{}');
    const versions = ['{}', '{"a": 1}', '{"a": 1, "b": [1.0]}', '', '[]', '[[]]', '☃☃', '☃'];
    for (const text of versions.slice(1)) page.change({ text });
    for (const text of versions.slice(0, -1).reverse()) {
      page.undo();
      expect(page.text).toBe(text);
    }
    expect(page.undo()).toBeUndefined();
    for (const text of versions.slice(1)) {
      page.redo();
      expect(page.text).toBe(text);
    }
    expect(page.redo()).toBeUndefined();
  });

  it('makes one step of what is typed without a pause at one place, with the cursor before and after', () => {
    const page = edited('ab');
    page.type('xyz', 1);
    expect(page.history.undoable).toBe(1);
    expect(page.undo()).toMatchObject({ selection: { start: 1, end: 1 }, changed: { start: 1, end: 1 } });
    expect(page.text).toBe('ab');
    expect(page.redo()).toMatchObject({ selection: { start: 4, end: 4 }, changed: { start: 1, end: 4 } });
  });

  it.each<[string, (page: ReturnType<typeof edited>) => void]>([
    ['after a pause', (page) => page.pause(1_000)],
    ['elsewhere in the text', (page) => page.type('x', 0)],
    ['at another place of the form', (page) => page.type('x', 3, '/b')],
    ['after a button', (page) => page.change({ text: `${page.text} ` })],
    ['after going back', (page) => [page.change({ text: '' }), page.undo()]],
  ])('begins a new step %s', (_title, between) => {
    const page = edited('ab');
    page.type('x', 2);
    const before = page.text;
    between(page);
    const steps = page.history.undoable;
    page.type('y', 3);
    expect(page.history.undoable).toBe(steps + 1);
    page.undo();
    page.undo();
    if (steps === 1) expect(page.text).toBe('ab');
    else expect(page.text).toBe(before);
  });

  it('forgets what was undone when something else is changed', () => {
    const page = edited('a');
    page.change({ text: 'b' });
    page.undo();
    page.change({ text: 'c' });
    expect(page.history.redoable).toBe(0);
    page.change({ text: 'c' });
    expect(page.history.undoable).toBe(1);
  });

  it('keeps drafts of JSON fields, and makes one step of a draft and what it ended in', () => {
    const page = edited('{"a": 1, "b": 2}');
    const other = withDraft(noDrafts, '/b', { text: '[', base: '2' });
    page.change({ drafts: other }, { kind: 'other', place: '/b' });
    for (const text of ['', '[', '[7]']) {
      page.change({ drafts: withDraft(other, '/a', { text, base: '1' }) }, { kind: 'other', place: '/a' });
    }
    expect(page.history.undoable).toBe(4);
    page.undo();
    expect(page.drafts.get('/a')?.text).toBe('[');
    page.redo();
    page.change({ text: '{"a": [7], "b": 2}', drafts: other }, { kind: 'commit', place: '/a' });
    expect(page.history.undoable).toBe(2);
    page.undo();
    expect(page.text).toBe('{"a": 1, "b": 2}');
    expect([...page.drafts.keys()]).toEqual(['/b']);
  });

  it('has no step for a draft that came to nothing', () => {
    const page = edited('1');
    page.change({ drafts: withDraft(noDrafts, '', { text: '', base: '1' }) }, { kind: 'other', place: '' });
    page.change({ drafts: new Map() }, { kind: 'commit', place: '' });
    expect(page.history.undoable).toBe(0);
  });

  it('is bounded in steps and in characters, and never without the last step', () => {
    const page = edited('', { stepsMost: 3, charactersMost: 100 });
    for (let i = 1; i <= 5; i++) page.change({ text: 'x'.repeat(i) });
    expect(page.history.undoable).toBe(3);
    page.change({ text: 'y'.repeat(1_000) });
    expect(page.history.undoable).toBe(1);
    page.undo();
    expect(page.text).toBe('xxxxx');
  });
});

describe('the keys of the history', () => {
  const key = (name: string, modifiers: Partial<KeyboardEvent> = {}) =>
    commandOfKey({
      key: name,
      ctrlKey: false,
      metaKey: false,
      shiftKey: false,
      altKey: false,
      isComposing: false,
      ...modifiers,
    });

  it('are those of all systems, and nothing else', () => {
    expect(key('z', { ctrlKey: true })).toBe('undo');
    expect(key('z', { metaKey: true })).toBe('undo');
    expect(key('Z', { ctrlKey: true, shiftKey: true })).toBe('redo');
    expect(key('Z', { metaKey: true, shiftKey: true })).toBe('redo');
    expect(key('y', { ctrlKey: true })).toBe('redo');
    expect(key('z')).toBeUndefined();
    expect(key('y', { metaKey: true })).toBeUndefined();
    expect(key('z', { ctrlKey: true, altKey: true })).toBeUndefined();
    expect(key('z', { ctrlKey: true, isComposing: true })).toBeUndefined();
  });
});
