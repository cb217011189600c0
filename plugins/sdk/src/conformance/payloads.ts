import type { JsonSchema } from '../protocol/plugin.ts';
import { createValidator } from '../validator.ts';

/** Schemas deeper than this are not filled: a recursive one would have no end. */
const mostDepth = 8;

/** What may still be made: a plugin may ask for a billion characters, and one message would not hold them. */
interface Left {
  characters: number;
  items: number;
}

const most: Readonly<Left> = { characters: 100_000, items: 1_000 };

/** A payload that fits the schema: its own example, else one made from it; undefined when none is found. */
export function validPayload(schema: JsonSchema): { payload: unknown } | undefined {
  const payload = made(schema, 0, { ...most });
  return payload !== undefined && fits(schema, payload) ? { payload } : undefined;
}

/** A payload that does not fit; undefined when the schema takes anything. */
export function invalidPayload(schema: JsonSchema): { payload: unknown } | undefined {
  const required = typeof schema === 'object' ? schema['required'] : undefined;
  const valid = validPayload(schema)?.payload;
  const candidates: unknown[] = [];
  if (Array.isArray(required) && typeof valid === 'object' && valid !== null) {
    // What is closest to right is the best test: one member missing, or of another kind.
    const [name] = required as string[];
    candidates.push(
      ...(name === undefined
        ? []
        : [
            Object.fromEntries(Object.entries(valid).filter(([key]) => key !== name)),
            { ...valid, [name]: { not: 'this' } },
          ]),
    );
  }
  candidates.push({}, [], 'text', 7, true, null);
  const found = candidates.find((payload) => !fits(schema, payload));
  return found === undefined ? undefined : { payload: found };
}

function fits(schema: JsonSchema, payload: unknown): boolean {
  try {
    return createValidator(schema)(payload).length === 0;
  } catch {
    // A schema that does not compile is the matter of another case.
    return false;
  }
}

function made(schema: unknown, depth: number, left: Left): unknown {
  if (schema === true) return {};
  if (typeof schema !== 'object' || schema === null || depth > mostDepth) return undefined;
  const given = schema as Record<string, unknown>;
  const { examples, enum: choices, type, anyOf, oneOf } = given;
  if (Array.isArray(examples) && examples.length > 0) return examples[0];
  for (const name of ['default', 'const']) if (name in given) return given[name];
  if (Array.isArray(choices)) return choices[0];
  for (const some of [anyOf, oneOf]) if (Array.isArray(some)) return made(some[0], depth + 1, left);
  const kind: unknown = Array.isArray(type)
    ? type[0]
    : (type ?? ('properties' in given ? 'object' : undefined));
  switch (kind) {
    case 'object':
      return madeObject(given, depth, left);
    case 'array':
      return madeArray(given, depth, left);
    case 'string':
      return madeText(given, left);
    case 'integer':
    case 'number':
      return madeNumber(given);
    case 'boolean':
      return false;
    case 'null':
      return null;
    default:
      return {};
  }
}

function madeObject({ properties, required }: Record<string, unknown>, depth: number, left: Left): unknown {
  const schemas = Object(properties) as Record<string, unknown>;
  const names = Array.isArray(required) ? (required as string[]) : [];
  const members = names.map((name): [string, unknown] => [
    name,
    made(schemas[name] ?? true, depth + 1, left),
  ]);
  return members.some(([, value]) => value === undefined) ? undefined : Object.fromEntries(members);
}

function madeArray({ items, minItems }: Record<string, unknown>, depth: number, left: Left): unknown {
  const count = countIn(minItems);
  // Counted over all of the payload: a thousand lists of a thousand are a million.
  if ((left.items -= count) < 0) return undefined;
  const all: unknown[] = [];
  while (all.length < count) {
    const item = made(items, depth + 1, left);
    if (item === undefined) return undefined;
    all.push(item);
  }
  return all;
}

const textOfFormat: Record<string, string> = {
  'date-time': '2026-01-01T00:00:00.000Z',
  date: '2026-01-01',
  time: '00:00:00Z',
  email: 'somebody@example.org',
  uri: 'https://example.org/',
  uuid: '00000000-0000-4000-8000-000000000000',
};

function madeText({ format, minLength }: Record<string, unknown>, left: Left): string | undefined {
  const length = Math.max(1, countIn(minLength));
  if ((left.characters -= length) < 0) return undefined;
  return textOfFormat[String(format)] ?? 'a'.repeat(length);
}

/** Zero for what is no count: its schema does not compile anyway. */
function countIn(given: unknown): number {
  const count = Number(given);
  return count > 0 ? count : 0;
}

function madeNumber({ minimum, exclusiveMinimum, maximum, multipleOf }: Record<string, unknown>): number {
  const least = typeof exclusiveMinimum === 'number' ? exclusiveMinimum + 1 : Number(minimum ?? 0);
  const step = Number(multipleOf ?? 1);
  const value = Math.ceil(Math.max(least, Number.MIN_SAFE_INTEGER) / step) * step;
  return typeof maximum === 'number' && value > maximum ? maximum : value;
}
