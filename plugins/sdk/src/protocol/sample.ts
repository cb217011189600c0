/** A value that a JSON Schema describes, for people to begin with and for tests to send. */

import { isRecord } from './is-record.ts';
import {
  alternativesMost,
  commonTypes,
  enumerated,
  givenIn,
  highest,
  kindOf,
  listIn,
  lowest,
  referredTo,
  sampleNumber,
  sampleText,
  sizeOf,
  typesOf,
} from './sample-parts.ts';
import type { Part } from './sample-parts.ts';

export interface SampleOptions {
  /** Where references (`#/…`) lead, when the schema is a part of a larger one. @default the schema itself */
  root?: unknown;
  /**
   * Nothing but what the schema asks for. Otherwise a list has an item, and an object that requires nothing shows its
   * first members: an empty one would teach nothing about what can be sent.
   * @default false
   */
  isMinimal?: boolean;
  /** Where the schema asks for no other text. @default 'text' */
  text?: string;
}

const depthMost = 8;
/** Within that depth a schema can still name a few members in such a way that there are billions of them. */
const schemasMost = 4_000;
const charactersMost = 20_000;
const optionalMembersMost = 8;
/** A chain of references ends here. */
const referencesMost = 16;

interface Walk {
  root: unknown;
  isMinimal: boolean;
  text: string;
  schemasLeft: number;
  charactersLeft: number;
  /** Values that are too large to be taken over: they stay so, and measuring one again costs as much again. */
  tooLarge: Set<unknown>;
  /** Those of the values around this one: who meets one again has gone round in a circle. */
  open: Set<Part>;
}

/**
 * The schema's own constant, example or default, else a value made from its keywords (those of JSON Schema 2020-12
 * but `pattern`, `not`, `if`, `contains`, `uniqueItems` and the like). It mostly fits, and is JSON in any case, also
 * for what is no schema: null stands where nothing can be made. At most some thousand values and 20,000 characters
 * are made; whoever needs one that fits has to validate it.
 */
export function sampleOf(
  schema: unknown,
  { root = schema, isMinimal = false, text = 'text' }: SampleOptions = {},
): unknown {
  const left = { schemasLeft: schemasMost, charactersLeft: charactersMost };
  return sample([schema], { root, isMinimal, text, ...left, tooLarge: new Set(), open: new Set() }, 0);
}

/** A value for all of the schemas together. */
function sample(schemas: readonly unknown[], walk: Walk, depth: number): unknown {
  if (schemas.includes(false) || depth > depthMost || walk.schemasLeft <= 0) return null;
  const parts = partsOf(schemas, walk);
  const constant = parts.map((part) => part['const']).find((value) => value !== undefined);
  if (constant !== undefined && isAffordable(constant, walk, depth)) return constant;
  const given = parts.flatMap(givenIn).filter((value) => isAffordable(value, walk, depth));
  const isOwn = parts.length === 1 || (parts[0] !== undefined && givenIn(parts[0]).length > 0);
  // What a part gives need not have what the others ask for.
  if (given.length > 0 && (isOwn || !given.every(isRecord))) return given[0];
  const listed = enumerated(parts);
  if (listed !== undefined && isAffordable(listed, walk, depth)) return listed;

  const opened = parts.filter((part) => !walk.open.has(part));
  for (const part of opened) walk.open.add(part);
  const value = sampleByKind(parts, given as Part[], walk, depth);
  for (const part of opened) walk.open.delete(part);
  return value;
}

/** All schemas that apply together: with what they refer to, with `allOf`, and with one of each choice. */
function partsOf(schemas: readonly unknown[], walk: Walk): Part[] {
  const parts = new Set<Part>();
  let types: string[] | undefined;
  const add = (schema: unknown): void => {
    if (!isRecord(schema) || parts.has(schema) || walk.schemasLeft <= 0) return;
    walk.schemasLeft -= 1;
    parts.add(schema);
    types = typesOf([schema], types);
  };
  const addWhatApplies = (part: Part): void => {
    if (typeof part['$ref'] === 'string') add(referredTo(part['$ref'], walk.root));
    for (const one of listIn(part, 'allOf').slice(0, walk.schemasLeft)) add(one);
  };
  schemas.slice(0, walk.schemasLeft).forEach(add);
  // The loops go on to what is added meanwhile; first to what applies in any case, because a choice has to fit it.
  for (const part of parts) addWhatApplies(part);
  for (const part of parts) {
    addWhatApplies(part);
    for (const keyword of ['oneOf', 'anyOf']) {
      const options = listIn(part, keyword);
      if (options.length > 0) add(choiceOf(options, types, walk));
    }
  }
  return [...parts];
}

/** The first that can be and ends; null says less than anything else. */
function choiceOf(options: readonly unknown[], types: readonly string[] | undefined, walk: Walk): unknown {
  const possible = options.slice(0, alternativesMost).flatMap((option) => {
    const target = dereference(option, walk);
    if (target === false) return [];
    const own = isRecord(target) ? typesOf([target]) : undefined;
    const common = types && own ? commonTypes(types, own) : own;
    const isNull = common?.every((type) => type === 'null') ?? false;
    return common?.length === 0 ? [] : [{ option, isNull, isOpen: walk.open.has(target as Part) }];
  });
  const closed = possible.filter(({ isOpen }) => !isOpen);
  return (closed.find(({ isNull }) => !isNull) ?? closed[0] ?? possible[0])?.option;
}

function dereference(schema: unknown, walk: Walk): unknown {
  let target = schema;
  for (let hops = 0; hops < referencesMost && isRecord(target); hops += 1) {
    if (typeof target['$ref'] !== 'string') return target;
    walk.schemasLeft -= 1;
    target = referredTo(target['$ref'], walk.root);
  }
  return target;
}

/** Of a value that is taken over; the outermost one stands in the schema once, and may be as large as it likes. */
function isAffordable(value: unknown, walk: Walk, depth: number): boolean {
  if (depth === 0) return true;
  if (walk.tooLarge.has(value)) return false;
  const size = sizeOf(value, walk.charactersLeft);
  if (size > walk.charactersLeft) {
    walk.tooLarge.add(value);
    return false;
  }
  walk.charactersLeft -= size;
  return true;
}

function sampleByKind(parts: readonly Part[], given: readonly Part[], walk: Walk, depth: number): unknown {
  const kind = given.length > 0 ? 'object' : kindOf(parts);
  switch (kind) {
    case 'string': {
      const text = sampleText(parts, walk.text, walk.charactersLeft);
      walk.charactersLeft -= text.length;
      return text;
    }
    case 'integer':
    case 'number':
      return sampleNumber(parts, kind === 'integer');
    case 'boolean':
      return false;
    case 'null':
      return null;
    case 'array':
      return sampleList(parts, walk, depth);
    default:
      return sampleObject(parts, given, walk, depth);
  }
}

function sampleObject(
  parts: readonly Part[],
  given: readonly Part[],
  walk: Walk,
  depth: number,
): Record<string, unknown> {
  const members = new Map(given.flatMap((one) => Object.entries(one)));
  for (const name of namesIn(parts, given, walk, depth)) {
    if (members.has(name)) continue;
    walk.charactersLeft -= name.length;
    if (walk.schemasLeft <= 0 || walk.charactersLeft < 0) break;
    walk.schemasLeft -= 1;
    members.set(name, sample(propertySchemas(parts, name), walk, depth + 1));
  }
  return Object.fromEntries(members);
}

function namesIn(parts: readonly Part[], given: readonly Part[], walk: Walk, depth: number): string[] {
  const required = parts.flatMap((part) => listIn(part, 'required').slice(0, schemasMost));
  const names = required.filter((name) => typeof name === 'string');
  if (names.length > 0 || given.length > 0 || walk.isMinimal || depth > 0) return names;
  return parts
    .flatMap((part) => Object.entries(isRecord(part['properties']) ? part['properties'] : {}))
    .filter(([, schema]) => schema === true || isRecord(schema))
    .slice(0, optionalMembersMost)
    .map(([name]) => name);
}

function propertySchemas(parts: readonly Part[], name: string): unknown[] {
  const schemas = parts.flatMap(({ properties }) =>
    isRecord(properties) && Object.hasOwn(properties, name) ? [properties[name]] : [],
  );
  if (schemas.length > 0) return schemas;
  return parts.map((part) => part['additionalProperties']).filter(isRecord);
}

function sampleList(parts: readonly Part[], walk: Walk, depth: number): unknown[] {
  const fixed = parts.map((part) => listIn(part, 'prefixItems')).find((schemas) => schemas.length > 0) ?? [];
  const items = parts.map((part) => part['items']).filter((schema) => schema !== undefined);
  const least = highest(parts, 'minItems');
  const hasOne = !walk.isMinimal && items.some((one) => isRecord(one) && !isOpen(one, walk));
  const wished = Math.max(walk.isMinimal ? 0 : fixed.length, hasOne ? 1 : 0);
  // Part of a list that is too long for us would be no better.
  const wanted = Math.max(wished, least <= walk.schemasLeft ? least : 1);
  const count = Math.min(wanted, lowest(parts, 'maxItems'), items.includes(false) ? fixed.length : Infinity);
  const values: unknown[] = [];
  while (values.length < count && walk.schemasLeft > 0) {
    walk.schemasLeft -= 1;
    const schemas = values.length < fixed.length ? [fixed[values.length]] : items;
    values.push(sample(schemas, walk, depth + 1));
  }
  return values;
}

function isOpen(schema: unknown, walk: Walk): boolean {
  return walk.open.has(dereference(schema, walk) as Part);
}
