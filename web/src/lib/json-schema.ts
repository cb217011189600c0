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

/** Follows a `$ref` inside the same document; keywords beside it stay. Undefined when it leads nowhere. */
export function dereference(schema: SchemaObject, root: Schema): SchemaObject | undefined {
  if (schema.$ref === undefined) return schema;
  if (!schema.$ref.startsWith('#')) return undefined;
  let target: unknown = root;
  for (const step of schema.$ref.slice(1).split('/').slice(1)) {
    const key = decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof target !== 'object' || target === null) return undefined;
    target = (target as Record<string, unknown>)[key];
  }
  if (typeof target !== 'object' || target === null) return undefined;
  const { $ref: _, ...beside } = schema;
  return { ...(target as SchemaObject), ...beside };
}

/** The one type of a schema, also when it only follows from other keywords; undefined when it can be anything. */
export function typeOf(schema: SchemaObject): string | undefined {
  const types = Array.isArray(schema.type) ? schema.type : schema.type ? [schema.type] : [];
  if (types.length > 0) return types.find((type) => type !== 'null') ?? 'null';
  if (schema.properties || schema.required || schema.additionalProperties) return 'object';
  if (schema.items || schema.prefixItems) return 'array';
  const kinds = new Set(schema.enum?.map((value) => typeof value));
  if (kinds.size === 1 && kinds.has('string')) return 'string';
  return undefined;
}
