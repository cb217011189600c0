import type { JsonSchema } from '@bkg/sdk/protocol';
import { isRecord } from '../schema-keywords.ts';

export type Components = Readonly<Record<string, JsonSchema>>;

const mostDepth = 8;
/** A schema can name a few members in such a way that there are billions of them. */
const partsMost = 500;

/** A value to begin with: the schema's own example, or the least that it asks for. Not everything in it is heeded. */
export function sampleOf(schema: JsonSchema | undefined, components: Components): unknown {
  return partOf(schema, { components, partsLeft: partsMost }, 0);
}

interface Progress {
  components: Components;
  partsLeft: number;
}

function partOf(schema: JsonSchema | undefined, progress: Progress, depth: number): unknown {
  progress.partsLeft -= 1;
  if (!isRecord(schema) || depth > mostDepth || progress.partsLeft < 0) return {};
  const given = [schema['examples'], schema['enum']].find(
    (values) => Array.isArray(values) && values.length > 0,
  );
  if (given) return (given as unknown[])[0];
  if ('const' in schema) return schema['const'];
  if ('default' in schema) return schema['default'];
  const inner = (one: unknown) => partOf(one as JsonSchema, progress, depth + 1);
  if (typeof schema['$ref'] === 'string') return inner(componentOf(schema['$ref'], progress.components));
  const [choice] = [schema['anyOf'], schema['oneOf']].filter(Array.isArray);
  if (choice) return inner(choice[0]);
  if (Array.isArray(schema['allOf'])) {
    const { allOf, ...others } = schema;
    const parts = [...(allOf as unknown[]), others].map(inner).filter(isRecord);
    return Object.assign({}, ...parts) as unknown;
  }
  const [type] = [schema['type']].flat();
  switch (type) {
    case 'string':
      return textOf(schema);
    case 'integer':
    case 'number':
      return numberOf(schema);
    case 'boolean':
      return true;
    case 'null':
      return null;
    case 'array':
      return Array.from({ length: Math.min(Number(schema['minItems'] ?? 0), 3) }, () =>
        inner(schema['items']),
      );
  }
  const properties = (schema['properties'] ?? {}) as Record<string, unknown>;
  const required = (schema['required'] ?? []) as string[];
  return Object.fromEntries(required.map((name) => [name, inner(properties[name])]));
}

export function componentOf(ref: string, components: Components): JsonSchema | undefined {
  return components[ref.slice('#/components/schemas/'.length)];
}

const formats: Record<string, string> = {
  'date-time': '2026-11-24T08:00:00.000Z',
  date: '2026-11-24',
  email: 'somebody@example.org',
  uri: 'https://example.org/',
  uuid: '5b0c1f7a-9be3-4c1d-8a2e-64f0c3d7b915',
};

function textOf({ format, minLength = 0, maxLength = Infinity }: Record<string, unknown>): string {
  const known = typeof format === 'string' ? formats[format] : undefined;
  const text = known ?? 'text'.padEnd(Math.min(Number(minLength), 100), '.');
  return text.slice(0, Number(maxLength));
}

function numberOf({ type, minimum, exclusiveMinimum, maximum }: Record<string, unknown>): number {
  const step = type === 'integer' ? 1 : 0.5;
  if (typeof minimum === 'number') return minimum;
  if (typeof exclusiveMinimum === 'number') return exclusiveMinimum + step;
  return typeof maximum === 'number' ? Math.min(1, maximum) : 1;
}
