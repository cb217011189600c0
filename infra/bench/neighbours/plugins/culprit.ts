/** A plugin with the SDK that does, as soon as it is ready, what its id says. */
import { writeSync } from 'node:fs';
import { capability, definePlugin, runPlugin, Type } from '@bkg/sdk';
import type { Culprit } from '../options.ts';

const { BKG_PLUGIN_ID: id = '', BKG_VERSION: version = '' } = process.env;
const mebibyte = 1024 * 1024;

const deeds: Record<Culprit, () => void> = {
  idle: () => undefined,
  busy: () => {
    for (;;);
  },
  bomb: () => {
    const held: Buffer[] = [];
    setInterval(() => held.push(Buffer.alloc(4 * mebibyte, 1)), 1);
  },
  flood: () => {
    const lines = `${'f'.repeat(999)}\n`.repeat(1_000);
    setInterval(() => writeSync(1, lines), 1);
  },
};

await runPlugin(
  definePlugin({
    id,
    version,
    description: 'Takes what it can get.',
    capabilities: {
      nothing: capability({
        description: 'Does nothing.',
        input: Type.Object({}),
        output: Type.Object({}),
        handler: () => ({}),
      }),
    },
    start: () => {
      // When it has said that it runs.
      setTimeout(deeds[id as Culprit], 500);
      return Promise.resolve();
    },
  }),
);
