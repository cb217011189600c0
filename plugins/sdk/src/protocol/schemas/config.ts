import { configPatchSchema } from '../manifest.ts';
import { configDefaults } from '../plugin.ts';
import type { PluginConfig } from '../plugin.ts';
import { configWhyMostLength } from '../requests.ts';
import type { ConfigChange } from '../requests.ts';
import { count, flag, object, text, typed } from './schema.ts';
import type { SchemaOf } from './schema.ts';

const { replicas, env, settings, resources, limits } = configPatchSchema.properties;
const { timeout_secs } = resources.properties;
const { max_concurrency, max_queue } = limits.properties;

const config = object<PluginConfig>({
  id: text('The plugin id.'),
  enabled: flag('`false`: stopped, whatever else is wanted.'),
  autostart: flag('Whether it starts with the mesh when nobody has ever started or stopped it.'),
  replicas: typed(replicas, 'Instances on this machine.'),
  env: typed(env, 'Added to the environment of its processes.'),
  settings: typed(settings, "The plugin's own, by its settings schema."),
  resources: object<PluginConfig['resources']>({
    timeout_secs: typed(timeout_secs, "Default and ceiling of an invocation's time."),
  }),
  limits: object<PluginConfig['limits']>({
    max_concurrency: typed(max_concurrency, 'Handlers at the same time in one instance.'),
    max_queue: typed(max_queue, 'Invocations that wait in one instance.'),
  }),
  revision: count('Of this configuration; 0 before the first is written.'),
});

const change: SchemaOf<ConfigChange> = {
  ...mergePatchOf(typed(configPatchSchema)),
  required: ['revision'],
  description: 'A merge patch (RFC 7396) of PluginConfig: `null` takes a member back to its default.',
};
Object.assign((change['properties'] as { env: object }).env, {
  // What `isForbiddenEnv` says.
  propertyNames: { not: { pattern: '^(NODE_OPTIONS|NODE_PATH|PATH|LD_.*|DYLD_.*|PYTHON.*|BKG_.*)$' } },
});
Object.assign(change['properties'] as object, {
  id: text("The plugin id; any other than the plugin's own is refused."),
  revision: count('The `revision` that it changes: another one by now is a `CONFLICT`.'),
  why: text('Why, for people; kept with the configuration.', { maxLength: configWhyMostLength }),
});

export const configSchemas = {
  PluginConfig: withDefaults(config, configDefaults) as SchemaOf<PluginConfig>,
  ConfigPatch: typed(configPatchSchema),
  ConfigChange: change,
};

/** The same object where every member may be absent, or `null` to be taken away. */
function mergePatchOf(schema: Record<string, unknown>): Record<string, unknown> {
  const { required: _, ...rest } = schema;
  for (const members of ['properties', 'patternProperties']) {
    const given = rest[members] as Record<string, Record<string, unknown>> | undefined;
    if (!given) continue;
    rest[members] = Object.fromEntries(
      Object.entries(given).map(([name, one]) => {
        const { type, ...more } = mergePatchOf(one);
        // A schema without a type allows null already.
        return [name, type === undefined ? more : { ...more, type: [type, 'null'] }];
      }),
    );
  }
  return rest;
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
