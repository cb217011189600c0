/** A small plugin, as anybody writes one; its answer says when it was where (`Marks`). */
import { performance } from 'node:perf_hooks';
import { capability, definePlugin, runPlugin, Type } from '@bkg/sdk';

const loadedMs = performance.now();
let connectedMs = 0;

await runPlugin(
  definePlugin({
    id: 'small',
    version: '1.0.0',
    description: 'Says it again.',
    capabilities: {
      say: capability({
        description: 'Says the text again.',
        input: Type.Object({ text: Type.String() }),
        output: Type.Object({
          text: Type.String(),
          startedAt: Type.Number(),
          nodeMs: Type.Number(),
          loadedMs: Type.Number(),
          connectedMs: Type.Number(),
          askedMs: Type.Number(),
        }),
        handler: ({ text }) => {
          const { timeOrigin: startedAt, nodeTiming } = performance;
          const marks = { startedAt, nodeMs: nodeTiming.bootstrapComplete, loadedMs, connectedMs };
          return { text, ...marks, askedMs: performance.now() };
        },
      }),
    },
    start: async () => {
      connectedMs = performance.now();
    },
  }),
);
