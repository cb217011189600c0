/** What worker.ts does once, without the SDK: the main.mjs of a copy of plugins/sdk/examples/javascript. */
import { openSync, writeSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { runPlugin } from './bkg.mjs';

const { BKG_PLUGIN_ID: id, BKG_VERSION: version, BKG_INSTANCE_ID: instance, CHAOS_STARTS } = process.env;
const starts = openSync(path.join(CHAOS_STARTS, instance), 'a');
const whole = { type: 'integer' };

await runPlugin({
  id,
  version,
  description: 'Works for a while, and notes what it has begun; without the SDK.',
  capabilities: {
    once: {
      description: 'Works, and must not do so twice.',
      input: { type: 'object', required: ['call', 'ms'], properties: { call: whole, ms: whole } },
      output: { type: 'object', required: ['call'], properties: { call: whole } },
      check: (payload) =>
        [payload.call, payload.ms].every(Number.isInteger)
          ? []
          : [{ path: '', message: 'needs whole numbers as "call" and "ms"' }],
      run: async ({ call, ms }) => {
        writeSync(starts, `${call}\n`);
        await delay(ms);
        return { call };
      },
    },
  },
});
