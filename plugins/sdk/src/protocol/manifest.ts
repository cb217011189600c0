import { Type } from 'typebox';
import type { Static } from 'typebox';
import { versionPattern } from './names.ts';

/** The part of a configuration that a manifest may preset and an operator may change. */
export const configPatchSchema = Type.Object(
  {
    enabled: Type.Optional(Type.Boolean()),
    autostart: Type.Optional(Type.Boolean()),
    replicas: Type.Optional(Type.Integer({ minimum: 0, maximum: 64 })),
    env: Type.Optional(
      // No operating system can pass on a value with U+0000 in it.
      Type.Record(
        Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]*$' }),
        Type.String({ pattern: '^[^\\0]*$' }),
        {
          // Without it other names would pass, with any value.
          additionalProperties: false,
        },
      ),
    ),
    settings: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
    resources: Type.Optional(
      Type.Object(
        { timeout_secs: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 3600 })) },
        { additionalProperties: false },
      ),
    ),
    limits: Type.Optional(
      Type.Object(
        {
          max_concurrency: Type.Optional(Type.Integer({ minimum: 1, maximum: 100_000 })),
          max_queue: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000 })),
        },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
);
export type ConfigPatch = Static<typeof configPatchSchema>;

/** `plugin.json` beside a plugin's code: how to run it. What it can do it says itself, by discovery. */
export const manifestSchema = Type.Object(
  {
    id: Type.String(),
    version: Type.String({ pattern: versionPattern.source }),
    name: Type.Optional(Type.String()),
    description: Type.Optional(Type.String()),
    author: Type.Optional(Type.String()),
    /** Program and arguments, run in the plugin's folder; `node` is the project's Node. */
    command: Type.Array(Type.String({ minLength: 1 }), { minItems: 1 }),
    autostart: Type.Optional(Type.Boolean()),
    /** A first invocation that must succeed when a new version takes over. */
    self_test: Type.Optional(Type.Object({ capability: Type.String(), payload: Type.Unknown() })),
    start_timeout_secs: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 600 })),
    config: Type.Optional(configPatchSchema),
  },
  { additionalProperties: false },
);
export type Manifest = Static<typeof manifestSchema>;

/** Variables of the environment that would change which code a plugin runs; no configuration may set them. */
export function isForbiddenEnv(name: string): boolean {
  return /^(NODE_OPTIONS|NODE_PATH|PATH|LD_.*|DYLD_.*|PYTHON.*|BKG_.*)$/.test(name);
}
