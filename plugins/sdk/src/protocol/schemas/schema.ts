/**
 * Building blocks for the schemas of the wire. Each knows the TypeScript type that it describes, so that a member which
 * a type gains or loses, or which changes its kind, does not compile before its schema says the same.
 */
/** A JSON Schema 2020-12 of T. The mark exists for the compiler only. */
export type SchemaOf<T> = Record<string, unknown> & { readonly '~of'?: (value: T) => T };

/** Members that have a name; `[field: string]` has none. */
type Named<T> = keyof { [Member in keyof T as string extends Member ? never : Member]: T[Member] } & keyof T;
type Optional<T> = { [Member in Named<T>]: object extends Pick<T, Member> ? Member : never }[Named<T>];
type Schemas<T, Members extends keyof T> = { [Member in Members]: SchemaOf<Exclude<T[Member], undefined>> };

/**
 * An object with T's members: first those that are always there, then those that may be absent. Others are allowed, as
 * readers ignore what they do not know.
 */
export function object<T>(
  ...[required, optional]: Optional<T> extends never
    ? [required: Schemas<T, Named<T>>]
    : [required: Schemas<T, Exclude<Named<T>, Optional<T>>>, optional: Schemas<T, Optional<T>>]
): SchemaOf<T> {
  const names = Object.keys(required);
  return {
    type: 'object',
    ...(names.length > 0 && { required: names }),
    properties: { ...required, ...optional },
  };
}

/** The same object where a member that it does not name is an error. */
export function closed<T>(schema: SchemaOf<T>): SchemaOf<T> {
  return { ...schema, additionalProperties: false };
}

export function text(
  description: string,
  more: { pattern?: string; minLength?: number; maxLength?: number } = {},
) {
  return { type: 'string', ...more, description } as SchemaOf<string>;
}

/** RFC 3339, as the SDK writes it in UTC with milliseconds. */
export function time(description: string): SchemaOf<string> {
  return { type: 'string', format: 'date-time', description };
}

export function flag(description: string): SchemaOf<boolean> {
  return { type: 'boolean', description };
}

/** A whole number that is exact in every language's doubles. */
export function count(description: string, minimum = 0, maximum = Number.MAX_SAFE_INTEGER): SchemaOf<number> {
  return { type: 'integer', minimum, maximum, description };
}

export function number(
  description: string,
  more: { exclusiveMinimum?: number; maximum?: number } = {},
): SchemaOf<number> {
  return { type: 'number', ...more, description };
}

export function oneOf<const T>(values: readonly T[], description: string): SchemaOf<T> {
  return { enum: [...values], description };
}

export function exactly<const T>(value: T): SchemaOf<T> {
  return { const: value };
}

export function listOf<T>(items: SchemaOf<T>, description?: string): SchemaOf<T[]> {
  return { type: 'array', items, ...(description !== undefined && { description }) };
}

export function mapOf<T>(values: SchemaOf<T>, description?: string): SchemaOf<Record<string, T>> {
  return {
    type: 'object',
    additionalProperties: values,
    ...(description !== undefined && { description }),
  };
}

export function orNull<T>(schema: SchemaOf<T>): SchemaOf<T | null> {
  return { anyOf: [schema, { type: 'null' }] };
}

export function anything(description: string): SchemaOf<unknown> {
  return { description };
}
