import { asSchema, readSchema, referredTo, typeOf, type Schema, type SchemaObject } from '../json-schema.ts';
import { sameJson } from '../json-value.ts';

/** References and parts within parts end here: a form that needs more than this helps nobody. */
const deepest = 16;
const partsMost = 64;

interface Walk {
  root: Schema;
  left: number;
}

/**
 * One schema that says what `schema` says with its references followed and its `allOf` parts joined. Undefined when
 * no single one does: a reference that leads nowhere or in a circle, parts that contradict each other.
 */
export function flatten(schema: Schema, root: Schema): SchemaObject | undefined {
  return flattenPart(schema, { root, left: partsMost }, 0);
}

function flattenPart(part: Schema, walk: Walk, depth: number): SchemaObject | undefined {
  if (part === false || depth > deepest || --walk.left < 0) return undefined;
  if (part === true) return {};
  const { $ref, allOf, ...own } = readSchema(part);
  let joined: SchemaObject | undefined = own;
  if ($ref !== undefined) {
    const target = referredTo($ref, walk.root);
    const flat = target === undefined ? undefined : flattenPart(target, walk, depth + 1);
    joined = flat && join(joined, flat);
  }
  for (const other of allOf ?? []) {
    const flat = joined && flattenPart(asSchema(other), walk, depth + 1);
    joined = joined && flat && join(joined, flat);
  }
  return joined;
}

/** Both at once; where both have words for people, the first one's stand. */
export function join(a: SchemaObject, b: SchemaObject): SchemaObject | undefined {
  // Two lists of choices, or of fixed places, are no longer one.
  for (const keyword of ['oneOf', 'anyOf', 'prefixItems'] as const)
    if (a[keyword] && b[keyword]) return undefined;
  const type = joinTypes(a, b);
  if (type === null) return undefined;
  const allowed =
    a.enum && b.enum ? a.enum.filter((value) => b.enum?.some((other) => sameJson(value, other))) : undefined;
  if (allowed?.length === 0) return undefined;
  if (a.const !== undefined && b.const !== undefined && !sameJson(a.const, b.const)) return undefined;
  return {
    ...b,
    ...a,
    ...(type && { type }),
    ...(allowed && { enum: allowed }),
    ...(a.properties && b.properties && { properties: joinMembers(a.properties, b.properties) }),
    ...(a.patternProperties &&
      b.patternProperties && { patternProperties: joinMembers(a.patternProperties, b.patternProperties) }),
    ...(a.required && b.required && { required: [...new Set([...a.required, ...b.required])] }),
    ...(a.items !== undefined && b.items !== undefined && { items: { allOf: [a.items, b.items] } }),
    ...joinOthers(a.additionalProperties, b.additionalProperties),
    ...Object.fromEntries(lowest.flatMap((limit) => stricter(a, b, limit, Math.max))),
    ...Object.fromEntries(highest.flatMap((limit) => stricter(a, b, limit, Math.min))),
  };
}

const lowest = ['minimum', 'exclusiveMinimum', 'minLength', 'minItems', 'minProperties'] as const;
const highest = ['maximum', 'exclusiveMaximum', 'maxLength', 'maxItems', 'maxProperties'] as const;
type Limit = (typeof lowest)[number] | (typeof highest)[number];

function stricter(a: SchemaObject, b: SchemaObject, limit: Limit, choose: (x: number, y: number) => number) {
  const [x, y] = [a[limit], b[limit]];
  return x === undefined || y === undefined ? [] : [[limit, choose(x, y)] as const];
}

function joinOthers(a: Schema | undefined, b: Schema | undefined): Partial<SchemaObject> {
  if (a === undefined || b === undefined) return {};
  return { additionalProperties: a === false || b === false ? false : { allOf: [a, b] } };
}

/** A member that both describe has to fit both; it is looked at when it is met. */
function joinMembers(a: Record<string, Schema>, b: Record<string, Schema>): Record<string, Schema> {
  const joined = new Map(Object.entries(b));
  for (const [name, schema] of Object.entries(a)) {
    const other = joined.get(name);
    joined.set(name, other === undefined ? schema : { allOf: [asSchema(schema), asSchema(other)] });
  }
  return Object.fromEntries(joined);
}

/** Undefined when neither names any, null when nothing is both. */
function joinTypes(a: SchemaObject, b: SchemaObject): string | string[] | undefined | null {
  if (a.type === undefined || b.type === undefined) return a.type ?? b.type;
  const [first, second] = [typesOf(a), typesOf(b)];
  const common = first.filter(
    (type) => second.includes(type) || (type === 'integer' && second.includes('number')),
  );
  const narrowed = second.filter(
    (type) => type === 'integer' && first.includes('number') && !first.includes(type),
  );
  const types = [...common, ...narrowed];
  return types.length === 0 ? null : types.length === 1 ? types[0] : types;
}

/** The names in `type`; what follows from other keywords when there is none. */
export function typesOf(schema: SchemaObject): string[] {
  if (Array.isArray(schema.type)) return [...new Set(schema.type)];
  const type = schema.type ?? typeOf(schema);
  return type === undefined ? [] : [type];
}
