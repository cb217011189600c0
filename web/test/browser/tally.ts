import { setTimeout as sleep } from 'node:timers/promises';
import { capability, definePlugin, runPlugin, Type } from '@bkg/sdk';

/**
 * Run as the version that its first argument says: 1.1.0 keeps to the contract of 1.0.0 and takes its time, so that the
 * way to it can be seen; 2.0.0 breaks the contract.
 */
const version = process.argv[2] ?? '1.0.0';
const input = version === '2.0.0' ? Type.Object({ unit: Type.String() }) : Type.Object({});

let total = 0;

await runPlugin(
  definePlugin({
    id: 'tally',
    version,
    name: 'Tally',
    description: 'Counts, in versions that can take over from each other.',
    settings: Type.Object({
      step: Type.Optional(Type.Integer({ minimum: 1, description: 'How far one count goes.' })),
      label: Type.Optional(Type.String({ maxLength: 20 })),
      tags: Type.Optional(Type.Object({}, { additionalProperties: Type.String() })),
    }),
    start: async ({ signal }) => {
      if (version === '1.1.0') await sleep(2_500, undefined, { signal });
    },
    capabilities: {
      'tally.count': capability({
        description: 'Counts one further.',
        input,
        output: Type.Object({ total: Type.Integer() }),
        handler: () => ({ total: ++total }),
      }),
    },
  }),
);
