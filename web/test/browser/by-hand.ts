import { capability, definePlugin, runPlugin, Type } from '@bkg/sdk';

/** A plugin that nobody manages. */
await runPlugin(
  definePlugin({
    id: 'by-hand',
    version: '1.2.0',
    name: 'By hand',
    description: 'Somebody runs it beside the mesh.',
    capabilities: {
      say: capability({
        description: 'Gives back what it gets.',
        input: Type.Unsafe<object>({}),
        output: Type.Unsafe<object>({}),
        handler: (input) => input,
      }),
    },
  }),
);
