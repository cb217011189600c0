import type { JsonSchema } from '../protocol/plugin.ts';
import { sampleOf } from '../protocol/sample.ts';
import { createValidator } from '../validator.ts';

/** A payload that fits the schema: its own example, else one made from it; undefined when none is found. */
export function validPayload(schema: JsonSchema): { payload: unknown } | undefined {
  // The plugin is really going to get it: nothing that its author has not asked for.
  const payload = sampleOf(schema, { isMinimal: true });
  return fits(schema, payload) ? { payload } : undefined;
}

/** A payload that does not fit; undefined when the schema takes anything. */
export function invalidPayload(schema: JsonSchema): { payload: unknown } | undefined {
  const required = typeof schema === 'object' ? schema['required'] : undefined;
  const valid = validPayload(schema)?.payload;
  const candidates: unknown[] = [];
  if (Array.isArray(required) && typeof valid === 'object' && valid !== null) {
    // What is closest to right is the best test: one member missing, or of another kind.
    for (const name of required.slice(0, 1) as string[]) {
      candidates.push(Object.fromEntries(Object.entries(valid).filter(([key]) => key !== name)), {
        ...valid,
        [name]: { not: 'this' },
      });
    }
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
