/**
 * JSON Schemas (2020-12) of everything on the wire. What bkg publishes and answers fits them; what it reads must fit them,
 * and may have more members.
 */
import type { JsonSchema } from '../plugin.ts';
import { accessSchemas } from './access.ts';
import { configSchemas } from './config.ts';
import { eventSchemas } from './events.ts';
import { logSchemas } from './logs.ts';
import { pluginSchemas } from './plugin.ts';
import { problemSchemas } from './problem.ts';
import { refPrefix } from './ref.ts';
import type { Wire, WireName } from './ref.ts';
import { requestSchemas } from './requests.ts';
import type { SchemaOf } from './schema.ts';
import { rolloutSchemas } from './rollout.ts';
import { serviceSchemas } from './service.ts';
import { socketSchemas } from './socket.ts';

export { manifestSchema } from './manifest.ts';
export type { Wire, WireName } from './ref.ts';

/** By name. They refer to one another as `#/$defs/<name>`: `schemaOf` yields one that stands alone. */
export const wireSchemas: { readonly [Name in WireName]: SchemaOf<Wire[Name]> } = {
  ...problemSchemas,
  ...eventSchemas,
  ...logSchemas,
  ...pluginSchemas,
  ...configSchemas,
  ...serviceSchemas,
  ...requestSchemas,
  ...rolloutSchemas,
  ...socketSchemas,
  ...accessSchemas,
};

/** A schema with all that it refers to, for a validator that knows nothing else. */
export function schemaOf(name: WireName): Exclude<JsonSchema, boolean> {
  const needed = new Set<WireName>();
  const queue = namesIn(wireSchemas[name]);
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    if (needed.has(next)) continue;
    needed.add(next);
    queue.push(...namesIn(wireSchemas[next]));
  }
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    ...wireSchemas[name],
    ...(needed.size > 0 && {
      $defs: Object.fromEntries([...needed].sort().map((one) => [one, wireSchemas[one]])),
    }),
  };
}

/** The names of the schemas that a schema refers to. */
function namesIn(value: unknown): WireName[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, one]: [string, unknown]) =>
    key === '$ref' && typeof one === 'string' ? [one.slice(refPrefix.length) as WireName] : namesIn(one),
  );
}
