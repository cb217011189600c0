/** What a sample needs to know of schemas that apply together, and the values that need no more than that. */

import { resolveReference } from './json-pointer.ts';

export type Part = Record<string, unknown>;

/** Of the choices, types and values that a schema lists, so many are looked at. */
export const alternativesMost = 32;
/** Longer ones are no references that anybody has written. */
const referenceMostLength = 1_000;

/** What the schema itself has as an example, or as its default; [] without. */
export function givenIn(part: Part): unknown[] {
  return [listIn(part, 'examples')[0], part['default']].filter((value) => value !== undefined).slice(0, 1);
}

/** A value that every `enum` lists, else the first. */
export function enumerated(parts: readonly Part[]): unknown {
  const lists = parts
    .map((part) => listIn(part, 'enum').slice(0, alternativesMost))
    .filter((values) => values.length > 0);
  const [first = [], ...others] = lists;
  return first.find((value) => others.every((values) => values.includes(value))) ?? first[0];
}

const kindsByKeyword: Record<string, readonly string[]> = {
  object: ['properties', 'required'],
  array: ['items', 'prefixItems', 'minItems', 'maxItems'],
  string: ['format', 'minLength', 'maxLength'],
  number: ['minimum', 'exclusiveMinimum', 'maximum', 'exclusiveMaximum', 'multipleOf'],
};

export function kindOf(parts: readonly Part[]): string | undefined {
  const types = typesOf(parts);
  if (types) return types.find((type) => type !== 'null') ?? types[0];
  return Object.keys(kindsByKeyword).find((kind) =>
    kindsByKeyword[kind]?.some((keyword) => parts.some((part) => Object.hasOwn(part, keyword))),
  );
}

/**
 * Those that all parts allow, [] for none; undefined when no part says so.
 * @param before those of other parts that apply as well
 */
export function typesOf(parts: readonly Part[], before?: string[]): string[] | undefined {
  let types = before;
  for (const { type } of parts) {
    const own = (Array.isArray(type) ? (type as unknown[]) : [type])
      .slice(0, alternativesMost)
      .filter((one) => typeof one === 'string');
    if (own.length > 0) types = types ? commonTypes(types, own) : own;
  }
  return types;
}

export function commonTypes(some: readonly string[], others: readonly string[]): string[] {
  const narrower = (type: string, from: readonly string[]): boolean =>
    from.includes(type) || (type === 'integer' && from.includes('number'));
  return [
    ...some.filter((type) => narrower(type, others)),
    ...others.filter((type) => !some.includes(type) && narrower(type, some)),
  ];
}

const formats: ReadonlyMap<unknown, string> = new Map([
  ['date-time', '2026-01-31T12:00:00Z'],
  ['date', '2026-01-31'],
  ['time', '12:00:00Z'],
  ['duration', 'PT1H'],
  ['email', 'somebody@example.org'],
  ['hostname', 'example.org'],
  ['ipv4', '192.0.2.1'],
  ['ipv6', '2001:db8::1'],
  ['uri', 'https://example.org/'],
  ['url', 'https://example.org/'],
  ['uuid', '00000000-0000-4000-8000-000000000000'],
]);

/** @param mostLength what is longer is not made */
export function sampleText(parts: readonly Part[], text: string, mostLength: number): string {
  const known = parts.map(({ format }) => formats.get(format)).find((text) => text !== undefined);
  const least = highest(parts, 'minLength');
  const most = lowest(parts, 'maxLength');
  // Part of a text that is too long for us would be no better.
  const length = least <= mostLength ? Math.ceil(least) : 0;
  return known ?? text.padEnd(length, '.').slice(0, Math.max(0, most));
}

export function sampleNumber(parts: readonly Part[], isInteger: boolean): number {
  const [least, above] = [
    highest(parts, 'minimum', -Infinity),
    highest(parts, 'exclusiveMinimum', -Infinity),
  ];
  const [most, below] = [lowest(parts, 'maximum'), lowest(parts, 'exclusiveMaximum')];
  const multipleOf = highest(parts, 'multipleOf');
  const step = multipleOf > 0 ? multipleOf : 1;
  const [low, high] = [Math.max(least, above) / step, Math.min(most, below) / step];
  const steps = [0, Math.ceil(low), Math.floor(low) + 1, Math.floor(high), Math.ceil(high) - 1];
  const candidates = [...steps, (low + high) / 2, low + 0.5, high - 0.5].map((count) => count * step);
  const fits = (n: number): boolean =>
    n >= least &&
    n > above &&
    n <= most &&
    n < below &&
    (!isInteger || Number.isInteger(n)) &&
    (multipleOf <= 0 || Number.isInteger(n / multipleOf));
  const finite = candidates.filter(Number.isFinite);
  // Minus zero is written "0" and equal to it, but no more than confusing in a program.
  return (finite.find(fits) ?? 0) + 0;
}

/** What a reference names; undefined when it leads nowhere. */
export function referredTo(ref: string, root: unknown): unknown {
  return ref.length > referenceMostLength ? undefined : resolveReference(ref, root);
}

/** About how many characters it has as JSON; no more is counted than is needed to know that it exceeds the most. */
export function sizeOf(value: unknown, most: number): number {
  const waiting = [value];
  let size = 0;
  while (waiting.length > 0 && size <= most) {
    const one = waiting.pop();
    size += typeof one === 'string' ? one.length + 2 : 5;
    if (typeof one !== 'object' || one === null) continue;
    for (const [name, member] of Object.entries(one)) {
      size += name.length;
      waiting.push(member);
    }
  }
  return size;
}

export function highest(parts: readonly Part[], keyword: string, otherwise = 0): number {
  return parts.reduce((most, part) => {
    const value = part[keyword];
    return typeof value === 'number' && value > most ? value : most;
  }, otherwise);
}

export function lowest(parts: readonly Part[], keyword: string): number {
  return parts.reduce((least, part) => {
    const value = part[keyword];
    return typeof value === 'number' && value < least ? value : least;
  }, Infinity);
}

export function listIn(part: Part, keyword: string): readonly unknown[] {
  const value = part[keyword];
  return Array.isArray(value) ? value : [];
}
