/**
 * What steady.ts does, without the SDK: the main.mjs of a copy of plugins/sdk/examples/javascript. The way to the mesh
 * is that example's.
 */
import { openSync, writeSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { runPlugin } from './bkg.mjs';

const { BKG_PLUGIN_ID: id, BKG_VERSION: version, BKG_INSTANCE_ID: instance, STARTS_FOLDER } = process.env;
const starts = openSync(path.join(STARTS_FOLDER, instance), 'a');
const text = { type: 'string' };

await runPlugin({
  id,
  version,
  description: 'Works for a while, and notes what it has begun; without the SDK.',
  capabilities: {
    work: {
      description: 'Works for so many milliseconds.',
      input: {
        type: 'object',
        required: ['id', 'ms'],
        properties: { id: text, ms: { type: 'integer', minimum: 0, maximum: 1_000 } },
      },
      output: {
        type: 'object',
        required: ['id', 'instance', 'version'],
        properties: { id: text, instance: text, version: text },
      },
      check: (payload) => [
        ...(typeof payload.id === 'string' ? [] : [{ path: '/id', message: 'must be a text' }]),
        ...(Number.isInteger(payload.ms) && payload.ms >= 0 && payload.ms <= 1_000
          ? []
          : [{ path: '/ms', message: 'must be a whole number from 0 to 1000' }]),
      ],
      run: async (payload) => {
        writeSync(starts, `${payload.id} ${Date.now()}\n`);
        await delay(payload.ms);
        return { id: payload.id, instance, version };
      },
    },
  },
});
