import { isRecord } from './protocol/is-record.ts';

type Check = (value: unknown, depth: number) => boolean;

/** Deeper ones are for ajv to look at. */
const depthMost = 32;
const types = new Set(['array', 'boolean', 'integer', 'null', 'number', 'object', 'string']);

const anything: Check = () => true;
const isString: Check = (value) => typeof value === 'string';
const isBoolean: Check = (value) => typeof value === 'boolean';
const isNumber: Check = (value) => Number.isFinite(value);
const isCount: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 0;
const isList: Check = (value) => Array.isArray(value);
const isSchema: Check = (value, depth) => isPlainlyValid(value, depth + 1);
const areSchemas: Check = (value, depth) =>
  Array.isArray(value) && value.length > 0 && value.every((one) => isSchema(one, depth));
const areNames: Check = (value) => Array.isArray(value) && value.every(isString) && isUnique(value);
const isType: Check = (value) =>
  Array.isArray(value)
    ? value.length > 0 && value.every((one) => types.has(one as string)) && isUnique(value)
    : types.has(value as string);

/** What the schema of JSON Schema 2020-12 says of a keyword, of those that most schemas are made of. */
const keywords: ReadonlyMap<string, Check> = new Map<string, Check>([
  ['type', isType],
  ['properties', areProperties],
  ['required', areNames],
  ['additionalProperties', isSchema],
  ['items', isSchema],
  ['prefixItems', areSchemas],
  ['anyOf', areSchemas],
  ['oneOf', areSchemas],
  ['allOf', areSchemas],
  ['not', isSchema],
  ['enum', isList],
  ['const', anything],
  ['default', anything],
  ['examples', isList],
  ['title', isString],
  ['description', isString],
  ['format', isString],
  ['pattern', isPattern],
  ['deprecated', isBoolean],
  ['readOnly', isBoolean],
  ['writeOnly', isBoolean],
  ['uniqueItems', isBoolean],
  ['minimum', isNumber],
  ['maximum', isNumber],
  ['exclusiveMinimum', isNumber],
  ['exclusiveMaximum', isNumber],
  ['multipleOf', (value) => Number.isFinite(value) && Number(value) > 0],
  ['minLength', isCount],
  ['maxLength', isCount],
  ['minItems', isCount],
  ['maxItems', isCount],
  ['minProperties', isCount],
  ['maxProperties', isCount],
]);

/**
 * Whether a schema is valid at a glance: made of keywords that are known here, each as it has to be. Most are. For the others
 * ajv has to compile the schema of schemas first, which takes 60 ms and some MB of each process that starts.
 */
export function isPlainlyValid(schema: unknown, depth = 0): boolean {
  if (typeof schema === 'boolean') return true;
  if (!isRecord(schema) || depth > depthMost) return false;
  return Object.entries(schema).every(([name, value]) => keywords.get(name)?.(value, depth) === true);
}

function areProperties(value: unknown, depth: number): boolean {
  return isRecord(value) && Object.values(value).every((one) => isSchema(one, depth));
}

/** One that Unicode mode takes is one in any mode, but for what other languages mean by \Z. */
function isPattern(value: unknown): boolean {
  if (typeof value !== 'string' || value.includes('\\Z')) return false;
  try {
    return new RegExp(value, 'u') instanceof RegExp;
  } catch {
    return false;
  }
}

function isUnique(values: readonly unknown[]): boolean {
  return new Set(values).size === values.length;
}
