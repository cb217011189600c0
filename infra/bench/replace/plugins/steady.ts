/**
 * A plugin with the SDK that notes each invocation when its handler begins: one line with its id, in a file of its
 * own. Its id and version are those of the plugin.json beside it, so that one program is all versions.
 */
import { openSync, writeSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { capability, definePlugin, runPlugin, Type } from '@bkg/sdk';

const { BKG_PLUGIN_ID: id = '', BKG_VERSION: version = '', BKG_INSTANCE_ID: instance = '' } = process.env;
const starts = openSync(path.join(process.env['STARTS_FOLDER'] ?? '', instance), 'a');

await runPlugin(
  definePlugin({
    id,
    version,
    description: 'Works for a while, and notes what it has begun.',
    capabilities: {
      // Not idempotent: nobody may try again what could have begun.
      work: capability({
        description: 'Works for so many milliseconds.',
        input: Type.Object({ id: Type.String(), ms: Type.Integer({ minimum: 0, maximum: 1_000 }) }),
        output: Type.Object({ id: Type.String(), instance: Type.String(), version: Type.String() }),
        handler: async ({ ms }, { invocationId }) => {
          writeSync(starts, `${invocationId} ${Date.now()}\n`);
          await delay(ms);
          return { id: invocationId, instance, version };
        },
      }),
    },
  }),
);
