import { capability, definePlugin } from '../define-plugin.ts';
import type { PluginDefinition } from '../define-plugin.ts';
import { Type } from '../type.ts';

/** What an instance of it says of itself has about 1.5 KB: two capabilities with schemas, as a small plugin has. */
export function simulatedPlugin(id: string): PluginDefinition {
  const text = Type.Object(
    { text: Type.String({ description: 'Any text.', maxLength: 10_000 }) },
    { additionalProperties: false },
  );
  const sum = Type.Object({ sum: Type.Number({ description: 'Of all the numbers.' }) });
  return definePlugin({
    id,
    version: '1.0.0',
    name: `Simulated ${id}`,
    description: 'Answers like a plugin, and is none: many of it share a process.',
    author: 'bkg',
    capabilities: {
      echo: capability({
        description: 'Gives back the text that it was given.',
        input: text,
        output: text,
        idempotent: true,
        handler: (input) => input,
      }),
      'numbers.add': capability({
        description: 'Adds up numbers.',
        input: Type.Object({
          numbers: Type.Array(Type.Number(), {
            description: 'In any order.',
            minItems: 1,
            maxItems: 1_000,
            examples: [[1, 2, 3]],
          }),
        }),
        output: sum,
        handler: ({ numbers }) => ({ sum: numbers.reduce((total, number) => total + number, 0) }),
      }),
    },
  });
}
