import { asSchema, dereference, isRecord, typeOf, type Schema, type SchemaObject } from './json-schema.ts';

/** A schema that contains itself would otherwise never end. */
const deepest = 6;
/** And one that branches into itself would have millions of members within that depth. */
const valuesMost = 100;

interface Walk {
  root: Schema;
  left: number;
}

/**
 * A payload to start from: the schema's own example, else its default, else the smallest value that shows every
 * required member.
 * @param root where references of `schema` lead, when it is a part of a larger one
 */
export function sampleFromSchema(schema: Schema, root: Schema = schema): unknown {
  return sample(schema, { root, left: valuesMost }, 0);
}

function sample(part: Schema | undefined, walk: Walk, depth: number): unknown {
  const schema = asSchema(part);
  if (typeof schema === 'boolean') return {};
  const resolved = dereference(schema, walk.root);
  if (!resolved || depth > deepest || --walk.left < 0) return null;
  if (resolved.examples && resolved.examples.length > 0) return resolved.examples[0];
  if (resolved.default !== undefined) return resolved.default;
  if (resolved.const !== undefined) return resolved.const;
  if (resolved.enum && resolved.enum.length > 0) return resolved.enum[0];
  const choice = (resolved.oneOf ?? resolved.anyOf)?.find((option) => option !== false);
  if (resolved.allOf || choice !== undefined) {
    const parts = [...(resolved.allOf ?? []), ...(choice === undefined ? [] : [choice])];
    return sampleAll(resolved, parts, walk, depth);
  }
  return sampleByType(resolved, walk, depth);
}

/** Members of all parts together when they are objects; else the last part's value. */
function sampleAll(schema: SchemaObject, parts: Schema[], walk: Walk, depth: number): unknown {
  const values = parts.map((part) => sample(part, walk, depth + 1));
  if (!values.every(isRecord)) return values.at(-1);
  const own = typeOf(schema) === 'object' ? [sampleObject(schema, walk, depth)] : [];
  return Object.assign({}, ...own, ...values) as unknown;
}

function sampleByType(schema: SchemaObject, walk: Walk, depth: number): unknown {
  switch (typeOf(schema)) {
    case 'string':
      return sampleString(schema);
    case 'integer':
    case 'number':
      return sampleNumber(schema);
    case 'boolean':
      return false;
    case 'null':
      return null;
    case 'array':
      return sampleArray(schema, walk, depth);
    default:
      return sampleObject(schema, walk, depth);
  }
}

function sampleObject(schema: SchemaObject, walk: Walk, depth: number): Record<string, unknown> {
  const properties = Object.entries(schema.properties ?? {});
  const names = new Set(schema.required);
  const required = properties.filter(([name]) => names.has(name));
  // With nothing required, an empty object would teach nothing about what can be sent.
  const shown = required.length > 0 || depth > 0 ? required : properties.slice(0, 8);
  return Object.fromEntries(shown.map(([name, property]) => [name, sample(property, walk, depth + 1)]));
}

function sampleArray(schema: SchemaObject, walk: Walk, depth: number): unknown[] {
  const fixed = (schema.prefixItems ?? []).map((item) => sample(item, walk, depth + 1));
  const wanted = Math.min(8, Math.max(schema.minItems ?? 1, schema.items ? 1 : 0));
  while (fixed.length < wanted && schema.items) fixed.push(sample(schema.items, walk, depth + 1));
  return fixed;
}

const formats: Record<string, string> = {
  'date-time': '2026-01-31T12:00:00.000Z',
  date: '2026-01-31',
  time: '12:00:00Z',
  email: 'someone@example.org',
  uri: 'https://example.org',
  uuid: '00000000-0000-4000-8000-000000000000',
};

function sampleString(schema: SchemaObject): string {
  const known = schema.format ? formats[schema.format] : undefined;
  return known ?? 'x'.repeat(Math.min(schema.minLength ?? 0, 100));
}

function sampleNumber(schema: SchemaObject): number {
  const step = schema.multipleOf ?? 1;
  const above = schema.exclusiveMinimum !== undefined ? schema.exclusiveMinimum + step : schema.minimum;
  const below = schema.exclusiveMaximum !== undefined ? schema.exclusiveMaximum - step : schema.maximum;
  if (above !== undefined && above > 0) return Math.ceil(above / step) * step;
  if (below !== undefined && below < 0) return Math.floor(below / step) * step;
  return 0;
}
