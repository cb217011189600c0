import { isRecord, resolveReference } from '@bkg/sdk/protocol';

/** The keywords of JSON Schema 2020-12 that the dashboard reads; others pass by unseen. */
export interface SchemaObject {
  $ref?: string;
  $defs?: Record<string, Schema>;
  definitions?: Record<string, Schema>;
  title?: string;
  description?: string;
  type?: string | string[];
  format?: string;
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  examples?: unknown[];
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: Schema;
  patternProperties?: Record<string, Schema>;
  items?: Schema;
  prefixItems?: Schema[];
  allOf?: Schema[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  multipleOf?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  minItems?: number;
  maxItems?: number;
  uniqueItems?: boolean;
  minProperties?: number;
  maxProperties?: number;
}

export type Schema = SchemaObject | boolean;

/** Anybody's plugin may have written it: what is neither an object nor a boolean says nothing. */
export function asSchema(value: unknown): Schema {
  return typeof value === 'boolean' || isRecord(value) ? (value as Schema) : true;
}

type Test = (value: unknown) => boolean;
const isText: Test = (value) => typeof value === 'string';
const isNumber: Test = (value) => typeof value === 'number' && Number.isFinite(value);
const isCount: Test = (value) => isNumber(value) && (value as number) >= 0;
const isTexts: Test = (value) => Array.isArray(value) && value.every(isText);
const isSchema: Test = (value) => typeof value === 'boolean' || isRecord(value);

const shapes: Record<keyof SchemaObject, Test> = {
  $ref: isText,
  $defs: isRecord,
  definitions: isRecord,
  title: isText,
  description: isText,
  type: (value) => isText(value) || isTexts(value),
  format: isText,
  enum: Array.isArray,
  const: () => true,
  default: () => true,
  examples: Array.isArray,
  properties: isRecord,
  required: isTexts,
  additionalProperties: isSchema,
  patternProperties: isRecord,
  items: isSchema,
  prefixItems: Array.isArray,
  allOf: Array.isArray,
  anyOf: Array.isArray,
  oneOf: Array.isArray,
  minimum: isNumber,
  maximum: isNumber,
  exclusiveMinimum: isNumber,
  exclusiveMaximum: isNumber,
  multipleOf: (value) => isNumber(value) && (value as number) > 0,
  minLength: isCount,
  maxLength: isCount,
  pattern: isText,
  minItems: isCount,
  maxItems: isCount,
  uniqueItems: (value) => typeof value === 'boolean',
  minProperties: isCount,
  maxProperties: isCount,
};

/** The keywords of one schema that have the form they must have; members inside are looked at when they are met. */
export function readSchema(schema: SchemaObject): SchemaObject {
  const read: Record<string, unknown> = {};
  for (const [keyword, isRight] of Object.entries(shapes)) {
    if (!Object.hasOwn(schema, keyword)) continue;
    const value = schema[keyword as keyof SchemaObject];
    if (isRight(value)) read[keyword] = value;
  }
  return read;
}

/** A chain of references ends here; one that leads back to itself has no end. */
const longestChain = 16;

/** Follows `$ref`s inside the same document; keywords beside one stay. Undefined when it leads nowhere. */
export function dereference(schema: SchemaObject, root: Schema): SchemaObject | undefined {
  let resolved = readSchema(schema);
  for (let hops = 0; resolved.$ref !== undefined; hops++) {
    const target = hops < longestChain ? referredTo(resolved.$ref, root) : undefined;
    if (target === undefined) return undefined;
    const { $ref: _, ...beside } = resolved;
    resolved = { ...(typeof target === 'boolean' ? {} : readSchema(target)), ...beside };
  }
  return resolved;
}

/** What a local reference names. */
export function referredTo(ref: string, root: Schema): Schema | undefined {
  const target = resolveReference(ref, root);
  return isSchema(target) ? (target as Schema) : undefined;
}

/** The one type of a schema, also when it only follows from other keywords; undefined when it can be anything. */
export function typeOf(schema: SchemaObject): string | undefined {
  const types = Array.isArray(schema.type) ? schema.type : schema.type ? [schema.type] : [];
  if (types.length > 0) return types.find((type) => type !== 'null') ?? 'null';
  if (schema.properties || schema.required || schema.additionalProperties || schema.patternProperties)
    return 'object';
  if (schema.items || schema.prefixItems) return 'array';
  const kinds = new Set(schema.enum?.map((value) => typeof value));
  if (kinds.size === 1 && kinds.has('string')) return 'string';
  return undefined;
}
