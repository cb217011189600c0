import { setTimeout as delay } from 'node:timers/promises';
import { capability, definePlugin, Type } from '@bkg/sdk';
import type { PluginDefinition } from '@bkg/sdk';

export const worker = 'worker';

/** @param ms how long each invocation takes here */
export function defineWorker(ms: number): PluginDefinition {
  return definePlugin({
    id: worker,
    version: '1.0.0',
    description: 'Works for as long as its machine takes.',
    capabilities: {
      work: capability({
        description: 'Works.',
        input: Type.Object({}),
        output: Type.Object({ ms: Type.Number() }),
        handler: async () => {
          await delay(ms);
          return { ms };
        },
      }),
    },
  });
}
