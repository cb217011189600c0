import { setTimeout as wait } from 'node:timers/promises';
import { Type } from 'typebox';
import { bytes } from '../../src/bytes.ts';
import { capability, definePlugin } from '../../src/define-plugin.ts';
import { PluginError } from '../../src/protocol/errors.ts';

/** A plugin with one capability for each thing that can become of a stream. */
export function createReel(id = 'reel') {
  /** What handlers have said of themselves, in order. */
  const seen: string[] = [];
  const reasons: unknown[] = [];
  /** How often `count` has begun. */
  const begun = { times: 0 };
  const plugin = definePlugin({
    id,
    version: '1.0.0',
    description: 'Streams in all ways.',
    capabilities: {
      count: capability({
        description: 'Counts, and says how far.',
        input: Type.Object({
          to: Type.Integer(),
          everyMs: Type.Optional(Type.Number()),
          pad: Type.Optional(Type.Integer()),
        }),
        chunk: Type.Object({ n: Type.Integer(), pad: Type.Optional(Type.String()) }),
        output: Type.Object({ counted: Type.Integer() }),
        async *handler({ to, everyMs, pad }, { signal }) {
          let n = 0;
          begun.times += 1;
          signal.addEventListener('abort', () => reasons.push(signal.reason));
          try {
            for (; n < to; n += 1) {
              if (everyMs !== undefined) await wait(everyMs, undefined, { signal });
              yield pad === undefined ? { n } : { n, pad: 'é'.repeat(pad) };
            }
            return { counted: n };
          } finally {
            seen.push(`ended at ${n}`);
          }
        },
      }),
      forever: capability({
        description: 'Never ends, and waits for nothing but its receiver.',
        input: Type.Object({}),
        chunk: Type.Integer(),
        output: Type.Null(),
        async *handler(_, { signal }) {
          signal.addEventListener('abort', () => reasons.push(signal.reason));
          try {
            for (let n = 0; ; n += 1) yield n;
          } finally {
            seen.push('ended');
          }
        },
      }),
      deaf: capability({
        description: 'Does something else between two chunks, and ends when that is done.',
        input: Type.Object({ ms: Type.Number() }),
        chunk: Type.Integer(),
        output: Type.Null(),
        async *handler({ ms }) {
          try {
            yield 0;
            await wait(ms);
            yield 1;
          } finally {
            seen.push('ended');
          }
        },
      }),
      wrong: capability({
        description: 'Yields or returns what it has not promised.',
        input: Type.Object({ how: Type.String() }),
        chunk: Type.Integer(),
        output: Type.Integer(),
        errors: {
          [`${id.toUpperCase()}_TORN`]: { number: 422, retryable: false, description: 'It is torn.' },
        },
        async *handler({ how }) {
          try {
            yield 0;
            if (how === 'chunk') yield 'one' as unknown as number;
            if (how === 'circular') {
              const self: unknown[] = [];
              self.push(self);
              yield self as unknown as number;
            }
            if (how === 'large') yield '#'.repeat(2 * 1024 * 1024) as unknown as number;
            if (how === 'declared') throw new PluginError(`${id.toUpperCase()}_TORN`, 'it is torn');
            if (how === 'throw') throw new Error('the password is hunter2');
            return 'one' as unknown as number;
          } finally {
            seen.push('ended');
          }
        },
      }),
      queue: capability({
        description: 'An iterable that is no generator, and only ends when it is told to.',
        input: Type.Object({}),
        chunk: Type.Integer(),
        output: Type.Null(),
        handler: () => {
          const ending = Promise.withResolvers<IteratorResult<number, void>>();
          let n = 0;
          return {
            [Symbol.asyncIterator]: () => ({
              next: (): Promise<IteratorResult<number, void>> =>
                n < 2 ? Promise.resolve({ done: false, value: n++ }) : ending.promise,
              return: () => {
                seen.push('returned');
                ending.resolve({ done: true, value: undefined });
                return ending.promise;
              },
            }),
          };
        },
      }),
      read: capability({
        description: 'Gives bytes in pieces, all in the same buffer.',
        input: Type.Object({
          bytes: Type.Integer(),
          piece: Type.Integer(),
          type: Type.Optional(Type.String()),
        }),
        chunk: bytes(),
        output: Type.Object({ bytes: Type.Integer() }),
        async *handler({ bytes: total, piece, type }, { respondAs }) {
          if (type !== undefined) respondAs(type);
          const buffer = Buffer.alloc(piece);
          for (let at = 0; at < total; at += piece) {
            buffer.fill((at / piece) % 256);
            yield buffer.subarray(0, Math.min(piece, total - at));
          }
          return { bytes: total };
        },
      }),
      thumbnail: capability({
        description: 'The picture again.',
        input: bytes('image/*'),
        output: bytes('image/*'),
        handler: async (picture, { respondAs }) => {
          const data = await picture.bytes();
          if (data.length > 0) respondAs(picture.contentType);
          return data;
        },
      }),
      hash: capability({
        description: 'Adds up all bytes.',
        input: bytes(),
        output: Type.Object({ bytes: Type.Integer(), sum: Type.Integer(), type: Type.String() }),
        upload: true,
        handler: async (body) => {
          let sum = 0;
          let total = 0;
          try {
            for await (const piece of body) {
              total += piece.length;
              for (const byte of piece) sum += byte;
              seen.push(`read ${piece.length}`);
            }
            return { bytes: total, sum, type: body.contentType };
          } catch (error) {
            reasons.push(error);
            throw error;
          }
        },
      }),
      peek: capability({
        description: 'Takes the first piece, after a while, and then what it is told to.',
        input: bytes(),
        output: Type.Object({ first: Type.Integer() }),
        upload: true,
        handler: async (body, { header }) => {
          await wait(Number(header('X-Wait-Ms') ?? 0));
          let first = 0;
          for await (const piece of body) {
            first = piece.length;
            break;
          }
          await wait(Number(header('X-Work-Ms') ?? 0));
          return { first };
        },
      }),
      slow: capability({
        description: 'Begins to read, and then does something else.',
        input: bytes(),
        output: Type.Null(),
        upload: true,
        handler: async (body, { signal }) => {
          for await (const piece of body) await wait(piece.length * 60_000, undefined, { signal });
          return null;
        },
      }),
      fields: capability({
        description: 'JSON that may be large.',
        input: Type.Object({ fields: Type.Array(Type.String()) }),
        output: Type.Object({ fields: Type.Integer() }),
        upload: true,
        handler: ({ fields }) => {
          seen.push('ran');
          return { fields: fields.length };
        },
      }),
      say: capability({
        description: 'Says it again.',
        input: Type.Object({ text: Type.String() }),
        output: Type.Object({ text: Type.String() }),
        handler: ({ text }) => {
          seen.push(text);
          return { text };
        },
      }),
    },
  });
  return { plugin, seen, reasons, begun };
}
