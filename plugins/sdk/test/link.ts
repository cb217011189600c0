import { setTimeout as wait } from 'node:timers/promises';
import { Type } from 'typebox';
import { bytes } from '../src/bytes.ts';
import { capability, definePlugin } from '../src/define-plugin.ts';
import type { InvocationContext } from '../src/invocation.ts';
import { PluginError } from '../src/protocol/errors.ts';
import { headerNames } from '../src/protocol/headers.ts';

/** What the last of a chain saw. */
export interface Seen {
  /** Of its request. */
  timeoutMs: number;
  traceparent: string | undefined;
  signal: AbortSignal;
}

const input = Type.Object({ path: Type.Array(Type.String()), how: Type.Optional(Type.String()) });

/**
 * A link of a chain: each capability passes on to the same of the first plugin of `path`, and the last one does something.
 * @param copyTo whom it gives bytes to; nobody without
 */
export function createLink(id: string, copyTo?: string) {
  const seen: Seen[] = [];
  const errors: unknown[] = [];
  const arrive = ({ header, signal }: InvocationContext): void => {
    const traceparent = header(headerNames.traceparent);
    seen.push({ timeoutMs: Number(header(headerNames.timeoutMs)), traceparent, signal });
  };
  const plugin = definePlugin({
    id,
    version: '1.0.0',
    description: 'Passes on.',
    capabilities: {
      wait: capability({
        description: 'Waits until it is told to stop.',
        input,
        output: Type.Unknown(),
        handler: async ({ path: [next, ...path] }, context) => {
          arrive(context);
          if (next !== undefined) return context.invoke(next, 'wait', { path });
          return wait(60_000, null, { signal: context.signal });
        },
      }),
      count: capability({
        description: 'Counts until it is told to stop.',
        input,
        chunk: Type.Integer(),
        output: Type.Object({ by: Type.String() }),
        errors: { [`${id.toUpperCase()}_TIRED`]: { number: 422, retryable: true, description: 'Tired.' } },
        async *handler({ path: [next, ...path], how }, context) {
          arrive(context);
          if (next !== undefined) {
            const counted = context.stream(next, 'count', { path, how }, { window: 4 });
            for await (const n of counted) yield Number(n);
            return (await counted.output) as { by: string };
          }
          for (let n = 0; how === undefined || n < 5; n += 1) yield n;
          if (how === 'tired') throw new PluginError(`${id.toUpperCase()}_TIRED`, 'so tired');
          return { by: id };
        },
      }),
      copy: capability({
        description: 'Gives the bytes again.',
        input: bytes('*/*'),
        chunk: bytes('*/*'),
        output: Type.Null(),
        upload: true,
        async *handler(body, context) {
          context.respondAs(body.contentType);
          if (copyTo === undefined) yield* body;
          else yield* await context.fetch(copyTo, 'copy', { body, contentType: body.contentType });
          return null;
        },
      }),
      forget: capability({
        description: 'Begins to read, and says that it is done.',
        input,
        output: Type.Unknown(),
        handler: async ({ path: [next = ''] }, { stream }) => {
          const counted = stream(next, 'count', { path: [] });
          const { value } = await counted[Symbol.asyncIterator]().next();
          return value as unknown;
        },
      }),
      clumsy: capability({
        description: 'Fetches what cannot be fetched, and keeps why.',
        input,
        output: Type.Unknown(),
        handler: async ({ path: [next = ''] }, { fetch, stream }) => {
          for (const failing of [
            fetch(next, 'count', { body: '{"path":[]}' }),
            stream('no plugin', 'a', {}).output,
          ])
            await failing.catch((error: unknown) => errors.push(error));
          return fetch('nobody', 'a');
        },
      }),
    },
  });
  return { plugin, seen, errors };
}
