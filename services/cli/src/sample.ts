import type { JsonSchema } from '@bkg/sdk/protocol';

const depthMost = 6;

/**
 * A payload to begin with, from the examples, defaults and constants of a schema; undefined when it says too little.
 * It is shown to people and never sent by itself, so it may be wrong.
 */
export function sampleOf(schema: JsonSchema, depth = 0): unknown {
  if (typeof schema === 'boolean' || depth > depthMost) return undefined;
  const { examples, default: standard, const: constant, enum: choices, type } = schema;
  const [first] = [examples, choices].flatMap((list) => (Array.isArray(list) ? (list as unknown[]) : []));
  const known = constant ?? first ?? standard;
  if (known !== undefined) return known;
  if (type === 'object' || 'properties' in schema) return objectSample(schema, depth);
  if (type === 'array') return [];
  if (type === 'boolean') return false;
  if (type === 'integer' || type === 'number')
    return typeof schema['minimum'] === 'number' ? schema['minimum'] : 1;
  return type === 'string' ? '…' : undefined;
}

/** What is required, and what has an example of its own. */
function objectSample(schema: Record<string, unknown>, depth: number): unknown {
  const { properties, required } = schema;
  if (typeof properties !== 'object' || properties === null) return {};
  const needed = new Set(Array.isArray(required) ? (required as unknown[]) : []);
  const members = Object.entries(properties as Record<string, JsonSchema>).flatMap(([name, member]) => {
    const hasExample = typeof member === 'object' && member !== null && Array.isArray(member['examples']);
    if (!needed.has(name) && !hasExample) return [];
    return [[name, sampleOf(member ?? true, depth + 1) ?? null] as const];
  });
  return Object.fromEntries(members);
}
