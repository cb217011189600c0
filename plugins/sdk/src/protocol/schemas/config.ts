import { forbiddenEnvPattern } from '../manifest.ts';
import type { ConfigPatch } from '../manifest.ts';
import { capabilityIdMostLength, capabilityIdPattern } from '../names.ts';
import { configDefaults, sandboxes } from '../plugin.ts';
import type { PluginConfig, RateLimit } from '../plugin.ts';
import type { ConfigChange } from '../requests.ts';
import { uploadMostMbDefault } from '../stream.ts';
import { by, why } from './rollout.ts';
import { closed, count, flag, mapOf, number, object, oneOf, text } from './schema.ts';
import type { SchemaOf } from './schema.ts';

const enabled = flag('`false`: stopped, whatever else is wanted.');
const autostart = flag('Whether it starts with the mesh when nobody has ever started or stopped it.');
const replicas = count('Instances on this machine.', 0, 64);
const env: SchemaOf<Record<string, string>> = {
  type: 'object',
  // No operating system can pass on a value with U+0000 in it.
  patternProperties: { '^[A-Za-z_][A-Za-z0-9_]*$': { type: 'string', pattern: '^[^\\0]*$' } },
  // Without it other names would pass, with any value.
  additionalProperties: false,
  description: 'Added to the environment of its processes.',
};
const settings: SchemaOf<Record<string, unknown>> = {
  type: 'object',
  description: "The plugin's own, by its settings schema.",
};
const timeout_secs = number("Default and ceiling of an invocation's time.", {
  exclusiveMinimum: 0,
  maximum: 3_600,
});
const max_memory_mb = count('MiB that one instance may take, with all that it starts.', 16, 16_777_216);
const max_cpu_percent = count('Of one core, for one instance: 150 is one core and a half.', 1, 100_000);
const max_processes = count('Processes and threads of one instance.', 16, 1_000_000);
const resources = { timeout_secs, max_memory_mb, max_cpu_percent, max_processes };
const sandbox = oneOf(
  sandboxes,
  '`on`: no files but its own, no network but the broker, as far as the machine can do it; `strict`: not started where it cannot.',
);
const max_concurrency = count('Handlers at the same time in one instance.', 1, 100_000);
const max_queue = count('Invocations that wait in one instance.', 0, 1_000_000);
const max_upload_mb = {
  ...count('MiB of one payload that comes as chunks.', 1, 1_048_576),
  default: uploadMostMbDefault,
};
/** A rate and a burst. */
const rate_per_second = number('Invocations in a second, on the long run.', {
  exclusiveMinimum: 0,
  maximum: 1_000_000,
});
const burst = count(
  'At once, after a pause; when it is absent as many as in a second, at least 1.',
  1,
  1_000_000,
);
export const rateLimit: SchemaOf<RateLimit> = closed(object<RateLimit>({ rate_per_second }, { burst }));
const capabilities: SchemaOf<Record<string, RateLimit>> = {
  ...mapOf(rateLimit, 'Of single capabilities, by their ids; both hold, this and that of the plugin.'),
  propertyNames: { pattern: capabilityIdPattern.source, maxLength: capabilityIdMostLength },
  maxProperties: 256,
};
/** A bucket needs to know how fast it is filled again. */
const burstOfRate = { dependentRequired: { burst: ['rate_per_second'] } };

const config = object<PluginConfig>({
  id: text('The plugin id.'),
  enabled,
  autostart,
  replicas,
  env,
  settings,
  sandbox,
  resources: object<PluginConfig['resources']>(resources),
  limits: {
    ...object<PluginConfig['limits']>(
      { max_concurrency, max_queue },
      { max_upload_mb, rate_per_second, burst, capabilities },
    ),
    ...burstOfRate,
  },
  revision: count('Of this configuration; 0 before the first is written.'),
});

const patch = closed(
  object<ConfigPatch>(
    {},
    {
      enabled,
      autostart,
      replicas,
      env,
      settings,
      sandbox,
      resources: closed(object<NonNullable<ConfigPatch['resources']>>({}, resources)),
      limits: {
        ...closed(
          object<NonNullable<ConfigPatch['limits']>>(
            {},
            { max_concurrency, max_queue, max_upload_mb, rate_per_second, burst, capabilities },
          ),
        ),
        ...burstOfRate,
      },
    },
  ),
);

const change: SchemaOf<ConfigChange> = {
  ...mergePatchOf(patch),
  required: ['revision'],
  description: 'A merge patch (RFC 7396) of PluginConfig: `null` takes a member back to its default.',
};
Object.assign((change['properties'] as { env: object }).env, {
  propertyNames: { not: { pattern: forbiddenEnvPattern.source } },
});
Object.assign(change['properties'] as object, {
  id: text("The plugin id; any other than the plugin's own is refused."),
  revision: count('The `revision` that it changes: another one by now is a `CONFLICT`.'),
  by,
  why,
  wait: { ...flag('`false`: the answer comes when it is written.'), default: true },
});

export const configSchemas = {
  PluginConfig: withDefaults(config, configDefaults) as SchemaOf<PluginConfig>,
  ConfigPatch: patch,
  ConfigChange: change,
};

/** The same object where every member may be absent, or `null` to be taken away. */
function mergePatchOf(schema: Record<string, unknown>): Record<string, unknown> {
  // What is missing may be there already: it is looked at when both are merged.
  const { required: _required, dependentRequired: _dependent, ...rest } = schema;
  if (typeof rest['additionalProperties'] === 'object')
    rest['additionalProperties'] = orNull(rest['additionalProperties'] as Record<string, unknown>);
  for (const members of ['properties', 'patternProperties']) {
    const given = rest[members] as Record<string, Record<string, unknown>> | undefined;
    if (!given) continue;
    rest[members] = Object.fromEntries(Object.entries(given).map(([name, one]) => [name, orNull(one)]));
  }
  return rest;
}

function orNull(schema: Record<string, unknown>): Record<string, unknown> {
  const { type, enum: words, ...more } = mergePatchOf(schema);
  if (Array.isArray(words)) return { ...more, enum: [...(words as unknown[]), null] };
  // A schema with neither allows null already.
  return type === undefined ? more : { ...more, type: [type, 'null'] };
}

/** The same schema with the default of each leaf. */
function withDefaults(schema: Record<string, unknown>, defaults: object): Record<string, unknown> {
  const properties = Object.entries(schema['properties'] as Record<string, Record<string, unknown>>).map(
    ([name, one]) => {
      const value = (defaults as Record<string, unknown>)[name];
      if (value === undefined) return [name, one];
      if ('properties' in one) return [name, withDefaults(one, value as object)];
      return [name, { ...one, default: value }];
    },
  );
  return { ...schema, properties: Object.fromEntries(properties) as unknown };
}
