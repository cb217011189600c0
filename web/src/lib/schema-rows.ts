import { isRecord } from '@bkg/sdk/protocol';
import { asSchema, dereference, typeOf, type Schema, type SchemaObject } from './json-schema.ts';

/** One line of the readable form of a schema. */
export interface SchemaRow {
  /** Name of the member, `[ ]` for the items of a list, "" for the value itself. */
  name: string;
  depth: number;
  type: string;
  required: boolean;
  /** "at least 1", "up to 200 characters", … */
  limits: string[];
  description: string;
  /** As JSON; undefined when there is none. */
  fallback?: string;
}

/** Self-containing schemas end here; the raw form shows the rest. */
const deepest = 8;
/** A schema that branches into itself would have millions within that depth. */
const rowsMost = 200;
const longestText = 1_000;

/** A schema as lines that read from top to bottom, children right after their parent. */
export function schemaRows(schema: Schema): SchemaRow[] {
  const rows: SchemaRow[] = [];
  visit({ name: '', depth: 0, required: true }, schema, schema, rows);
  const [top] = rows;
  // An object's own line says nothing that its members do not, unless it has words of its own.
  const bare = top?.type === 'object' && !top.description && top.limits.length === 0 && rows.length > 1;
  return bare ? rows.slice(1).map((row) => ({ ...row, depth: row.depth - 1 })) : rows;
}

const endNote = 'there is more, see the raw schema';

type Place = Pick<SchemaRow, 'name' | 'depth' | 'required'>;

function visit(place: Place, schema: Schema, root: Schema, rows: SchemaRow[]): void {
  if (rows.length >= rowsMost) {
    if (rows.length === rowsMost)
      rows.push({ ...place, name: '…', type: '', limits: [endNote], description: '' });
    return;
  }
  if (typeof schema === 'boolean') {
    rows.push({ ...place, type: schema ? 'anything' : 'nothing', limits: [], description: '' });
    return;
  }
  const resolved = dereference(schema, root);
  if (!resolved) {
    rows.push({ ...place, type: 'reference', limits: [schema.$ref ?? ''], description: '' });
    return;
  }
  const ends = place.depth >= deepest;
  rows.push({
    ...place,
    type: typeLabel(resolved, root),
    limits: [...limitsOf(resolved), ...(ends ? ['nested further, see the raw schema'] : [])],
    description: (resolved.description ?? '').slice(0, longestText),
    ...(resolved.default !== undefined && { fallback: shortJson(resolved.default) }),
  });
  if (!ends)
    for (const child of childrenOf(resolved)) visit(placeBelow(place, child), child.schema, root, rows);
}

interface Child {
  name: string;
  required: boolean;
  schema: Schema;
}

function placeBelow(place: Place, { name, required }: Child): Place {
  return { name, required, depth: place.depth + 1 };
}

function childrenOf(schema: SchemaObject): Child[] {
  const required = new Set(schema.required);
  const members = Object.entries(schema.properties ?? {}).map(([name, property]) => ({
    name,
    required: required.has(name),
    schema: asSchema(property),
  }));
  const patterns = Object.entries(schema.patternProperties ?? {}).map(([pattern, property]) => ({
    name: `/${pattern}/`,
    required: false,
    schema: asSchema(property),
  }));
  const others = isSchemaObject(schema.additionalProperties)
    ? [{ name: '*', required: false, schema: schema.additionalProperties }]
    : [];
  const fixed = (schema.prefixItems ?? []).map((item, i) => ({
    name: `[${i}]`,
    required: true,
    schema: asSchema(item),
  }));
  // A list of plain values is told by its type alone: "string[]".
  const items = isSchemaObject(schema.items) && hasInside(schema.items);
  const list = items ? [{ name: '[ ]', required: true, schema: schema.items as Schema }] : [];
  const options = (schema.oneOf ?? schema.anyOf ?? []).filter(
    (option) => isSchemaObject(option) && hasInside(option),
  );
  const parts = [
    ...(schema.allOf ?? []).map((part) => ({ name: 'and', required: true, schema: asSchema(part) })),
    ...options.map((option, i) => ({ name: `option ${i + 1}`, required: false, schema: option })),
  ];
  return [...members, ...patterns, ...others, ...fixed, ...list, ...parts];
}

function hasInside(schema: SchemaObject): boolean {
  return Boolean(
    schema.$ref ??
    schema.properties ??
    schema.items ??
    schema.oneOf ??
    schema.anyOf ??
    schema.description ??
    (limitsOf(schema).length > 0 ? true : undefined),
  );
}

function isSchemaObject(schema: unknown): schema is SchemaObject {
  return isRecord(schema);
}

/** @param depth a list of lists of itself has no end either */
function typeLabel(schema: SchemaObject, root: Schema, depth = 0): string {
  if (schema.const !== undefined) return shortJson(schema.const);
  if (depth > 4) return '…';
  const options = (schema.oneOf ?? schema.anyOf)?.slice(0, 20);
  if (options && !schema.type) {
    const labels = options.map((option) => {
      const resolved = isSchemaObject(option) ? dereference(option, root) : undefined;
      return resolved
        ? typeLabel({ ...resolved, oneOf: undefined, anyOf: undefined }, root, depth + 1)
        : 'anything';
    });
    return [...new Set(labels)].join(' or ');
  }
  const type = typeOf(schema);
  const nullable = Array.isArray(schema.type) && schema.type.includes('null') && type !== 'null';
  const several = Array.isArray(schema.type) ? schema.type.filter((name) => name !== 'null') : [];
  const plain = several.length > 1 ? several.join(' or ') : type;
  const item = isSchemaObject(schema.items) ? (dereference(schema.items, root) ?? {}) : undefined;
  const label =
    type === 'array' ? `${item ? typeLabel(item, root, depth + 1) : 'anything'}[]` : (plain ?? 'anything');
  return nullable ? `${label} or null` : label;
}

/** What a value has to keep to, in words. */
export function limitsOf(schema: SchemaObject): string[] {
  const limits: string[] = [];
  const add = (value: unknown, text: (value: string) => string) => {
    if (value !== undefined) limits.push(text(String(value).slice(0, 200)));
  };
  if (schema.enum) {
    const shown = schema.enum.slice(0, 40).map(shortJson).join(', ');
    limits.push(`one of ${shown}${schema.enum.length > 40 ? ', …' : ''}`);
  }
  add(schema.format, (value) => value);
  add(schema.minimum, (value) => `≥ ${value}`);
  add(schema.exclusiveMinimum, (value) => `> ${value}`);
  add(schema.maximum, (value) => `≤ ${value}`);
  add(schema.exclusiveMaximum, (value) => `< ${value}`);
  add(schema.multipleOf, (value) => `multiple of ${value}`);
  add(schema.minLength, (value) => (value === '1' ? 'not empty' : `at least ${value} characters`));
  add(schema.maxLength, (value) => `up to ${value} characters`);
  add(schema.pattern, (value) => `matches ${value}`);
  add(schema.minItems, (value) => (value === '1' ? 'not empty' : `at least ${value} items`));
  add(schema.maxItems, (value) => `up to ${value} items`);
  add(schema.minProperties, (value) => `at least ${value} members`);
  add(schema.maxProperties, (value) => `up to ${value} members`);
  if (schema.uniqueItems) limits.push('no item twice');
  if (schema.additionalProperties === false && schema.properties) limits.push('no other members');
  return limits;
}

/** JSON of a value that somebody else chose, never long. */
export function shortJson(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 120 ? `${text.slice(0, 119)}…` : text;
}

const namesMost = 12;

/** A schema in a few words: `{input, model_id?}`, `string[]`. */
export function signatureOf(schema: Schema): string {
  if (typeof schema === 'boolean') return schema ? 'anything' : 'nothing';
  const resolved = dereference(schema, schema);
  if (!resolved) return 'anything';
  const names = Object.keys(resolved.properties ?? {});
  if (names.length === 0) return typeOf(resolved) === 'object' ? '{…}' : typeLabel(resolved, schema);
  const members = names
    .slice(0, namesMost)
    .map((name) => (resolved.required?.includes(name) ? name : `${name}?`));
  return `{${[...members, ...(names.length > namesMost ? ['…'] : [])].join(', ')}}`;
}
