/** A plugin with the SDK that answers after a while, or at once: `OVERLOAD_MS`. */
import { setTimeout as delay } from 'node:timers/promises';
import { capability, definePlugin, runPlugin, Type } from '@bkg/sdk';

const { BKG_PLUGIN_ID: id = '', BKG_VERSION: version = '', OVERLOAD_MS: ms = '0' } = process.env;
const handlerMs = Number(ms);

await runPlugin(
  definePlugin({
    id,
    version,
    description: 'Works for as long as it was told.',
    capabilities: {
      work: capability({
        description: 'Works, and says the text again.',
        input: Type.Object({ text: Type.String() }),
        output: Type.Object({ text: Type.String() }),
        handler: async ({ text }) => {
          if (handlerMs > 0) await delay(handlerMs);
          return { text };
        },
      }),
    },
  }),
);
