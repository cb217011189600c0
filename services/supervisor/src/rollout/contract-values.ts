import type { Budget } from './contract-budget.ts';

/** What a value may be: of one of the types, or one of the values, which are by their canonical JSON with their types. */
export interface Choice {
  types: ReadonlySet<string>;
  values: ReadonlyMap<string, string>;
}

/** What `type`, `enum`, `const` and choices of these let through; undefined for anything. */
export type Accepted = Choice | undefined;

const typeNames = new Set(['array', 'boolean', 'integer', 'null', 'number', 'object', 'string']);

export const nothing: Choice = { types: new Set(), values: new Map() };

/** Undefined when that is no value for the keyword `type`. */
export function acceptedByType(type: unknown): Accepted {
  const names: unknown[] = Array.isArray(type) ? type : [type];
  if (names.length === 0 || !names.every((name) => typeNames.has(name as string))) return undefined;
  return { types: new Set(names as string[]), values: new Map() };
}

/** @throws TooLarge */
export function acceptedByEnum(values: readonly unknown[], budget: Budget): Choice {
  return {
    types: new Set(),
    values: new Map(values.map((value) => [budget.canonicalJson(value), typeOf(value)])),
  };
}

/** What both let through. */
export function intersection(a: Accepted, b: Accepted): Accepted {
  if (!a || !b) return a ?? b;
  const inBoth = [...membersOf(a).filter(isIn(b)), ...membersOf(b).filter(isIn(a))];
  return choiceOf(inBoth);
}

/** What any of them lets through. */
export function union(all: readonly Accepted[]): Accepted {
  const choices = all.filter((one) => one !== undefined);
  return choices.length < all.length ? undefined : choiceOf(choices.flatMap(membersOf));
}

/** Whether nothing is let through by two of them. */
export function areDisjoint(all: readonly Accepted[]): boolean {
  const types = new Set<string>();
  const values = new Map<string, string>();
  const before: Choice = { types, values };
  for (const one of all) {
    if (!one || membersOf(one).some(isIn(before))) return false;
    // Whoever has a type already was seen above, so that this happens once for each type.
    if (one.types.size > 0 && membersOf(before).some(isIn(one))) return false;
    for (const type of one.types) types.add(type);
    for (const [value, type] of one.values) values.set(value, type);
  }
  return true;
}

/** What `inner` lets through and `outer` does not; [] also when `inner` lets anything through. */
export function beyond(inner: Accepted, outer: Accepted): Member[] {
  if (!inner || !outer) return [];
  const isCovered = isIn(outer);
  return membersOf(inner).filter((member) => !isCovered(member));
}

/** Whether all that `inner` lets through is let through by `outer`. */
export function isWithin(inner: Accepted, outer: Accepted): boolean {
  if (!inner) return !outer;
  return beyond(inner, outer).length === 0;
}

/** Whether some value of that type is let through. */
export function mayBe(type: string, accepted: Accepted): boolean {
  return !accepted || accepted.types.has(type) || accepted.values.values().some((one) => one === type);
}

/** A type, or a value as canonical JSON and its type. */
export interface Member {
  type: string;
  value?: string;
}

export function membersOf({ types, values }: Choice): Member[] {
  return [
    ...Array.from(types, (type): Member => ({ type })),
    ...Array.from(values, ([value, type]): Member => ({ type, value })),
  ];
}

export function sizeOf(accepted: Accepted): number {
  return accepted ? accepted.types.size + accepted.values.size : 0;
}

function choiceOf(members: readonly Member[]): Choice {
  const types = new Set<string>();
  const values = new Map<string, string>();
  for (const { type, value } of members) {
    if (value === undefined) types.add(type);
    else values.set(value, type);
  }
  return { types, values };
}

function isIn({ types, values }: Choice): (member: Member) => boolean {
  return ({ type, value }) => {
    if (types.has(type) || (type === 'integer' && types.has('number'))) return true;
    if (value !== undefined) return values.has(value);
    if (type === 'null') return values.has('null');
    return type === 'boolean' && values.has('true') && values.has('false');
  };
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}
