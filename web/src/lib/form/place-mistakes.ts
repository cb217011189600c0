import type { PayloadError } from '@bkg/sdk/protocol';
import { isWithin, pointerTo } from '../json-pointer.ts';
import type { Field } from './field.ts';
import { textAt } from './json-edit.ts';
import type { Mistake } from './schema-check.ts';

/** What is said at each place, by JSON pointer. */
export type Placed = ReadonlyMap<string, string[]>;

export const noMistakes: Placed = new Map();

/**
 * Sorts mistakes to the fields that show them: the field of the place itself, else the nearest one around it, which
 * then names the place.
 */
export function placeMistakes(form: Field, mistakes: readonly Mistake[]): Map<string, string[]> {
  const shown = new Set(pointersOf(form));
  const placed = new Map<string, string[]>();
  for (const { path, message } of mistakes) {
    let pointer = path;
    while (!shown.has(pointer) && pointer !== '') pointer = pointer.slice(0, pointer.lastIndexOf('/'));
    const inside = path.slice(pointer.length);
    const text = inside ? `${inside.slice(1)}: ${message}` : message;
    placed.set(pointer, [...(placed.get(pointer) ?? []), text]);
  }
  return placed;
}

/** Every place that has a spot of its own in the form, from top to bottom. */
function pointersOf(field: Field): string[] {
  const { shape } = field;
  switch (shape.kind) {
    case 'object':
      return [
        field.pointer,
        ...shape.members.flatMap(pointersOf),
        ...shape.absent.map(({ pointer }) => pointer),
      ];
    case 'array':
      return [field.pointer, ...shape.items.flatMap(pointersOf)];
    case 'variants':
      return pointersOf(shape.variant);
    default:
      return [field.pointer];
  }
}

/** What an answer found wrong with the payload that was sent. */
export interface ToldMistake extends Mistake {
  /** The place still holds what was sent. */
  stands: boolean;
}

/** The errors of an answer, at the places where this page would say them. */
export function toldMistakes(errors: readonly PayloadError[], sent: string, now: string): ToldMistake[] {
  const mistakes = errors.map(({ path, message }): Mistake => {
    // Said of the object; a form says it where the member would be.
    const missing = /^must have required property '(.*)'$/s.exec(message)?.[1];
    return { path: missing === undefined ? path : pointerTo(path, missing), message };
  });
  const standing = new Set(stillTrue(mistakes, sent, now));
  return mistakes.map((mistake) => ({ ...mistake, stands: standing.has(mistake) }));
}

export function messagesByPlace(mistakes: readonly Mistake[]): ReadonlyMap<string, string[]> {
  const messages = new Map<string, string[]>();
  for (const { path, message } of mistakes) messages.set(path, [...(messages.get(path) ?? []), message]);
  return messages;
}

/** Those of an answer that this page does not say already, at the place itself, within it or around it. */
export function unsaid(told: readonly Mistake[], own: readonly Mistake[]): Mistake[] {
  return told.filter(
    ({ path }) =>
      !own.some((mistake) => isWithin(mistake.path, path) || (mistake.path && isWithin(path, mistake.path))),
  );
}

/** Of what was said about a payload that was sent, what still holds: the value at the place is the same. */
export function stillTrue(mistakes: readonly Mistake[], sent: string, now: string): Mistake[] {
  if (sent === now) return [...mistakes];
  return mistakes.filter(({ path }) => textAt(sent, path) === textAt(now, path));
}
