import { Type } from 'typebox';
import { setTimeout as wait } from 'node:timers/promises';
import { capability, definePlugin } from '../src/define-plugin.ts';
import { BkgError, PluginError } from '../src/protocol/errors.ts';

/** A plugin with one capability for each thing that can become of an invocation. */
export function createEcho(id = 'echo') {
  const prefix = id.toUpperCase().replaceAll('-', '_');
  const started: string[] = [];
  const aborted: { id: string; reason: unknown }[] = [];
  const plugin = definePlugin({
    id,
    version: '1.2.3',
    name: 'Echo',
    description: 'Says it again.',
    author: 'tests',
    capabilities: {
      'text.say': capability({
        description: 'Says the text again.',
        input: Type.Object({ text: Type.String() }, { additionalProperties: false }),
        output: Type.Object({ text: Type.String() }),
        idempotent: true,
        handler: ({ text }, { invocationId }) => {
          started.push(invocationId);
          return { text };
        },
      }),
      'text.wait': capability({
        description: 'Says it after a while, whether anybody still waits or not.',
        input: Type.Object({ ms: Type.Number() }),
        output: Type.Object({ waited: Type.Number() }),
        handler: async ({ ms }, { invocationId, signal }) => {
          started.push(invocationId);
          signal.addEventListener('abort', () => aborted.push({ id: invocationId, reason: signal.reason }));
          await wait(ms);
          return { waited: ms };
        },
      }),
      'text.heed': capability({
        description: 'Waits, and ends when its signal aborts.',
        input: Type.Object({ ms: Type.Number() }),
        output: Type.Object({}),
        handler: async ({ ms }, { signal }) => {
          await wait(ms, undefined, { signal });
          return {};
        },
      }),
      'text.lie': capability({
        description: 'Breaks its own output schema.',
        input: Type.Object({}),
        output: Type.Object({ text: Type.String() }),
        handler: () => ({ text: 7 }) as unknown as { text: string },
      }),
      'text.nothing': capability({
        description: 'Gives what JSON cannot carry.',
        input: Type.Object({}),
        output: Type.Object({}),
        handler: () => undefined as unknown as object,
      }),
      'text.large': capability({
        description: 'Gives more than the broker takes.',
        input: Type.Object({ bytes: Type.Integer() }),
        output: Type.Object({ text: Type.String() }),
        handler: ({ bytes }) => ({ text: 'x'.repeat(bytes) }),
      }),
      'text.fail': capability({
        description: 'Fails in the way it is asked to.',
        input: Type.Object({ how: Type.String() }),
        output: Type.Object({}),
        errors: { [`${prefix}_TIRED`]: { number: 422, retryable: true, description: 'It is tired.' } },
        handler: async ({ how }) => {
          if (how === 'declared')
            throw new PluginError(`${prefix}_TIRED`, 'so tired', {
              errors: [{ path: '/how', message: 'is tiring' }],
            });
          if (how === 'undeclared') throw new PluginError(`${prefix}_OTHER`, 'the password is hunter2');
          if (how === 'table') throw new BkgError('PLUGIN_UNAVAILABLE', 'the other one is away');
          await wait(1);
          throw new Error('the password is hunter2');
        },
      }),
      'text.pass_on': capability({
        description: 'Invokes another plugin.',
        input: Type.Object({
          to: Type.String(),
          capability: Type.String(),
          payload: Type.Unknown(),
          idempotent: Type.Optional(Type.Boolean()),
        }),
        output: Type.Unknown(),
        handler: ({ to, capability: other, payload, idempotent = false }, context) =>
          context.invoke(to, other, payload, { idempotent }),
      }),
    },
  });
  return { plugin, started, aborted };
}
