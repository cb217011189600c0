import { setTimeout as wait } from 'node:timers/promises';
import { capability, definePlugin, PluginError, runPlugin, Type } from '@bkg/sdk';

const plugin = definePlugin({
  id: 'hello-typescript',
  version: '1.0.0',
  name: 'Hello, TypeScript',
  description: 'Greets and waits; TypeScript with the SDK.',
  capabilities: {
    greet: capability({
      description: 'Greets somebody by name.',
      idempotent: true,
      input: Type.Object(
        { name: Type.String({ minLength: 1, maxLength: 100, examples: ['Ada'] }) },
        { additionalProperties: false },
      ),
      output: Type.Object({ greeting: Type.String() }),
      errors: {
        HELLO_TYPESCRIPT_NOBODY: {
          number: 404,
          retryable: false,
          description: 'There is nobody of this name.',
        },
      },
      handler: ({ name }, { log }) => {
        if (name === 'nobody') throw new PluginError('HELLO_TYPESCRIPT_NOBODY', 'There is nobody to greet.');
        log.info({ name }, 'greeting');
        return { greeting: `Hello, ${name}!` };
      },
    }),
    wait: capability({
      description: 'Answers after a while, unless it is cancelled before.',
      idempotent: true,
      input: Type.Object(
        { ms: Type.Integer({ minimum: 0, maximum: 60_000, examples: [100] }) },
        { additionalProperties: false },
      ),
      output: Type.Object({ waited_ms: Type.Integer() }),
      handler: async ({ ms }, { signal }) => {
        await wait(ms, undefined, { signal });
        return { waited_ms: ms };
      },
    }),
  },
});

await runPlugin(plugin);
