/** What the other sides do by hand, as a plugin: its input and output are validated, and the rest comes with the SDK. */
import { capability, definePlugin, runPlugin, Type } from '@bkg/sdk';

const message = Type.Object({ text: Type.String() });

await runPlugin(
  definePlugin({
    id: 'echo',
    version: '1.0.0',
    description: 'Says it again.',
    capabilities: {
      say: capability({
        description: 'Says the text again.',
        input: message,
        output: message,
        handler: ({ text }) => ({ text }),
      }),
    },
  }),
);
