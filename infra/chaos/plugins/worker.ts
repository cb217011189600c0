/**
 * A plugin with the SDK that notes each call when its handler begins: one line with its number, in a file of its own.
 * Its id and version are those of the plugin.json beside it.
 */
import { openSync, writeSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { capability, definePlugin, runPlugin, Type } from '@bkg/sdk';

const { BKG_PLUGIN_ID: id = '', BKG_VERSION: version = '', BKG_INSTANCE_ID: instance = '' } = process.env;
const starts = openSync(path.join(process.env['CHAOS_STARTS'] ?? '', instance), 'a');

const input = Type.Object({ call: Type.Integer(), ms: Type.Integer({ minimum: 0, maximum: 1_000 }) });
const output = Type.Object({ call: Type.Integer() });

async function work({ call, ms }: { call: number; ms: number }): Promise<{ call: number }> {
  writeSync(starts, `${call}\n`);
  await delay(ms);
  return { call };
}

await runPlugin(
  definePlugin({
    id,
    version,
    description: 'Works for a while, and notes what it has begun.',
    settings: Type.Object({ counter: Type.Optional(Type.Integer()) }),
    configure: () => undefined,
    capabilities: {
      once: capability({ description: 'Works, and must not do so twice.', input, output, handler: work }),
      again: capability({ description: 'Works.', input, output, idempotent: true, handler: work }),
      slow: capability({ description: 'Works for longer.', input, output, handler: work }),
      block: capability({
        description: 'Lets nothing else happen in its process.',
        input: Type.Object({ ms: Type.Integer({ minimum: 0, maximum: 60_000 }) }),
        output: Type.Object({}),
        handler: ({ ms }) => {
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
          return {};
        },
      }),
    },
  }),
);
