import { isRecord } from './protocol/is-record.ts';
import type { JsonSchema } from './protocol/plugin.ts';
import { dataKeywords, schemaMaps } from './schema-keywords.ts';

/**
 * The same schema without what ajv would read otherwise than 2020-12 has it: `nullable`, which is OpenAPI's, and members that
 * are called `__proto__`, which it passes over.
 * @param text of it, as JSON
 */
export function plainSchema(schema: JsonSchema, text: string): JsonSchema {
  return text.includes('"nullable"') || text.includes('"__proto__"') ? (plain(schema) as JsonSchema) : schema;
}

function plain(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(plain);
  if (!isRecord(schema)) return schema;
  const { properties, patternProperties } = schema;
  const hidden = isRecord(properties) && Object.entries(properties).find(([name]) => name === '__proto__');
  const written = hidden
    ? { ...schema, patternProperties: { ...(patternProperties as object), '^__proto__$': hidden[1] } }
    : schema;
  return Object.fromEntries(
    Object.entries(written)
      .filter(([keyword]) => keyword !== 'nullable')
      .map(([keyword, value]) => [keyword, dataKeywords.has(keyword) ? value : plainValue(keyword, value)]),
  );
}

function plainValue(keyword: string, value: unknown): unknown {
  if (!schemaMaps.has(keyword) || !isRecord(value)) return plain(value);
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [
      keyword === 'patternProperties' && name === '__proto__' ? '(?:__proto__)' : name,
      plain(one),
    ]),
  );
}
