/**
 * What is invoked: one capability of every kind that there is. It fails in no way that it does not declare, so that whoever
 * is answered a failure of its kind was answered by bkg. Its id and version are those of the plugin.json beside it.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { bytes, capability, definePlugin, PluginError, runPlugin, Type } from '@bkg/sdk';
import { diagnose } from './diagnosis.mjs';

const { BKG_PLUGIN_ID: id = '', BKG_VERSION: version = '' } = process.env;
const whole = Type.Integer({ minimum: 0, maximum: 1_000 });
const failed = `${id.toUpperCase()}_FAILED`;

await runPlugin(
  definePlugin({
    id,
    version,
    description: 'Takes whatever is sent to it.',
    settings: Type.Object({ level: Type.Optional(Type.Integer()) }),
    capabilities: {
      echo: capability({
        description: 'Says anything again.',
        input: Type.Unknown(),
        output: Type.Unknown(),
        idempotent: true,
        handler: (input) => input,
      }),
      'strict.say': capability({
        description: 'Takes what fits a schema.',
        input: Type.Object(
          {
            text: Type.String({ maxLength: 100, pattern: '^[^<]*$' }),
            times: Type.Optional(Type.Integer({ minimum: 0, maximum: 9 })),
            list: Type.Optional(Type.Array(Type.Union([Type.String(), Type.Number()]), { maxItems: 5 })),
            names: Type.Optional(Type.Record(Type.String(), Type.Boolean())),
          },
          { additionalProperties: false },
        ),
        output: Type.Object({ text: Type.String() }),
        handler: ({ text }) => ({ text }),
      }),
      wait: capability({
        description: 'Takes its time, at most a second.',
        input: Type.Object({ ms: whole }),
        output: Type.Object({ ms: whole }),
        handler: async ({ ms }, { signal }) => {
          await delay(ms, undefined, { signal });
          return { ms };
        },
      }),
      fail: capability({
        description: 'Fails, in the way that it declares.',
        input: Type.Unknown(),
        output: Type.Null(),
        errors: { [failed]: { number: 422, retryable: false, description: 'As it was told.' } },
        handler: () => {
          throw new PluginError(failed, 'It was told to.');
        },
      }),
      count: capability({
        description: 'Streams numbers.',
        input: Type.Object({ to: whole }),
        chunk: Type.Integer(),
        output: Type.Object({ to: whole }),
        async *handler({ to }) {
          for (let n = 0; n < to; n += 1) yield n;
          return { to };
        },
      }),
      bytes: capability({
        description: 'Streams bytes.',
        input: Type.Object({ pieces: whole }),
        chunk: bytes('application/octet-stream'),
        output: Type.Null(),
        async *handler({ pieces }) {
          for (let n = 0; n < pieces; n += 1) yield Buffer.alloc(1_000, n);
        },
      }),
      take: capability({
        description: 'Takes bytes, in pieces, too.',
        input: bytes('*/*'),
        output: Type.Object({ bytes: Type.Integer() }),
        upload: true,
        handler: async (body) => {
          let count = 0;
          for await (const piece of body) count += piece.length;
          return { bytes: count };
        },
      }),
      rows: capability({
        description: 'Takes JSON, in pieces, too.',
        input: Type.Array(Type.Unknown()),
        output: Type.Object({ rows: Type.Integer() }),
        upload: true,
        handler: (rows) => ({ rows: rows.length }),
      }),
      diagnose: capability({
        description: 'What it has in use, without garbage, and what keeps its event loop.',
        input: Type.Object({}),
        output: Type.Object({
          usedBytes: Type.Number(),
          resources: Type.Record(Type.String(), Type.Integer()),
        }),
        handler: () => diagnose(),
      }),
    },
  }),
);
