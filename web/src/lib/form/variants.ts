import { isRecord } from '@bkg/sdk/protocol';
import { asSchema, readSchema, type Schema, type SchemaObject } from '../json-schema.ts';
import type { JsonNode } from '../json-tree.ts';
import { sameJson } from '../json-value.ts';
import { shortJson } from '../schema-rows.ts';
import type { Choice, Shape } from './field.ts';
import { flatten, join, typesOf } from './flat-schema.ts';
import { kindOf, type JsonKind } from './scalar.ts';

const optionsMost = 500;
const variantsMost = 40;

/** The values a schema enumerates, as `enum`, as `const`, or as a union of constants with titles. */
export function choicesOf(schema: SchemaObject, root: Schema): Choice[] | undefined {
  const values = constantsOf(schema);
  if (values)
    return values.length > optionsMost ? undefined : values.map((value) => choice(value, {}, values));
  const options = schema.oneOf ?? schema.anyOf;
  if (!options || options.length === 0 || options.length > optionsMost || (schema.oneOf && schema.anyOf))
    return undefined;
  const flats = options.map((option) => flatten(asSchema(option), root));
  const all = flats.flatMap((flat) => (flat && constantsOf(flat)) ?? [undefined]);
  if (all.includes(undefined) || all.length > optionsMost) return undefined;
  return flats.flatMap((flat) =>
    (constantsOf(flat ?? {}) ?? []).map((value) => choice(value, flat ?? {}, all)),
  );
}

function constantsOf(schema: SchemaObject): unknown[] | undefined {
  return Object.hasOwn(schema, 'const') ? [schema.const] : schema.enum?.length ? schema.enum : undefined;
}

function choice(value: unknown, { title, description }: SchemaObject, all: readonly unknown[]): Choice {
  // Beside numbers and nulls, text keeps its quotes, or "1" and 1 would look alike.
  const plain = all.every((other) => typeof other === 'string' && other !== '' && other.trim() === other);
  const label = title ?? (plain ? (value as string) : shortJson(value));
  return {
    label: label.slice(0, 120),
    description: description?.slice(0, 300) ?? '',
    value: () => JSON.stringify(value),
  };
}

export function choiceShape(options: Choice[], text: string, node: JsonNode): Shape {
  const raw = text.slice(node.start, node.end);
  const at = options.findIndex(({ value }) => value() === raw || isSame(value(), raw));
  return { kind: 'choice', options, selected: at < 0 ? undefined : at };
}

/** Equal as JSON; a number that would change on being read is only equal to itself as it is written. */
function isSame(value: string, raw: string): boolean {
  if (/\d{15}|[eE]/.test(raw) && !raw.startsWith('"')) return false;
  return sameJson(JSON.parse(value), JSON.parse(raw));
}

export interface Variant {
  label: string;
  schema: SchemaObject;
  fits: (text: string, node: JsonNode) => boolean;
}

/**
 * The forms a union offers, when it can be told from a value which of them it is: by its kind, or among objects by a
 * member that each requires with constants of its own. One without any union left when the options are only rules
 * over the same members. Undefined when it cannot be told.
 */
export function variantsOf(
  base: SchemaObject,
  options: readonly unknown[],
  root: Schema,
): Variant[] | undefined {
  if (options.length === 0 || options.length > variantsMost) return undefined;
  const flats = options.map((option) => flatten(asSchema(option), root));
  const isBaseTyped = typesOf(base).length === 1;
  if (isBaseTyped && flats.every((flat) => flat && isRule(flat)))
    return [{ label: '', schema: base, fits: () => true }];
  const schemas = flats.map((flat) => flat && join(base, flat));
  if (!schemas.every((schema) => schema !== undefined)) return undefined;
  const kinds = schemas.map(kindsOfSchema);
  if (!kinds.every((list) => list.length === 1)) return undefined;
  const kindOfOption = kinds.map(([kind]) => kind as JsonKind);
  const objects = schemas.filter((_, i) => kindOfOption[i] === 'object');
  const others = kindOfOption.filter((kind) => kind !== 'object');
  if (new Set(others).size < others.length) return undefined;
  const discriminator = objects.length > 1 ? discriminatorOf(objects, root) : undefined;
  if (objects.length > 1 && discriminator === undefined) return undefined;

  return schemas.map((schema, i) => {
    const kind = kindOfOption[i] as JsonKind;
    const marks =
      kind === 'object' && discriminator !== undefined ? marksOf(schema, discriminator, root) : undefined;
    const flat = flats[i] ?? {};
    return {
      label: (flat.title ?? (marks ? marks.map(shortJson).join(', ') : kindLabels[kind])).slice(0, 120),
      schema: { ...schema, ...(flat.description !== undefined && { description: flat.description }) },
      fits: (text, node) => {
        if (kindOf(text, node) !== kind) return false;
        if (!marks) return true;
        const member = node.children.find(({ key }) => key === discriminator)?.value;
        const value: unknown = member && JSON.parse(text.slice(member.start, member.end));
        return member !== undefined && marks.some((mark) => sameJson(mark, value));
      },
    };
  });
}

const kindLabels: Record<JsonKind, string> = {
  object: 'object',
  array: 'list',
  string: 'text',
  number: 'number',
  boolean: 'true or false',
  null: 'null',
};

/** A part that adds conditions and describes nothing. */
function isRule(schema: SchemaObject): boolean {
  const describing = [
    'properties',
    'items',
    'prefixItems',
    'enum',
    'const',
    'oneOf',
    'anyOf',
    'type',
  ] as const;
  return describing.every((keyword) => schema[keyword] === undefined);
}

function kindsOfSchema(schema: SchemaObject): JsonKind[] {
  const constants = constantsOf(schema);
  const names = constants ? constants.map(typeName) : typesOf(schema);
  return [...new Set(names.map((name) => (name === 'integer' ? 'number' : name)))] as JsonKind[];
}

function typeName(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;
}

function discriminatorOf(schemas: SchemaObject[], root: Schema): string | undefined {
  const [first] = schemas;
  return first?.required?.find((name) => {
    const marks = schemas.map((schema) => marksOf(schema, name, root));
    if (!marks.every((list) => list !== undefined)) return false;
    const all = marks.flat().map((mark) => JSON.stringify(mark));
    return new Set(all).size === all.length;
  });
}

/** The plain constants that a required member may have. */
function marksOf(schema: SchemaObject, name: string, root: Schema): unknown[] | undefined {
  if (!schema.required?.includes(name) || !Object.hasOwn(schema.properties ?? {}, name)) return undefined;
  const flat = flatten(asSchema(schema.properties?.[name]), root);
  const constants = flat && constantsOf(readSchema(flat));
  return constants?.every((value) => !isRecord(value) && !Array.isArray(value)) ? constants : undefined;
}
