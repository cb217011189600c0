/**
 * A plugin with the SDK that streams, takes and invokes whatever is asked for. Its id and version are those of the
 * plugin.json beside it; what it invokes itself stands in `SOAK_OTHER`.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { bytes, capability, definePlugin, runPlugin, Type } from '@bkg/sdk';
import { newHash, pieceOf, textOf } from './content.ts';
import { diagnose } from './diagnosis.mjs';

const { BKG_PLUGIN_ID: id = '', BKG_VERSION: version = '', SOAK_OTHER: other = '' } = process.env;
const whole = Type.Integer({ minimum: 0 });
const content = { seed: whole, pieces: whole, bytes: whole };
const paced = Type.Object({ ...content, pauseMs: whole });
const hashed = Type.Object({ hash: Type.String() });

await runPlugin(
  definePlugin({
    id,
    version,
    description: 'Streams, takes and invokes what it is asked for.',
    capabilities: {
      plain: capability({
        description: 'Says the number again, after a while.',
        input: Type.Object({ seed: whole, pauseMs: whole }),
        output: Type.Object({ seed: whole }),
        handler: async ({ seed, pauseMs }, { signal }) => {
          await delay(pauseMs, undefined, { signal });
          return { seed };
        },
      }),
      nested: capability({
        description: 'Lets the other plugin stream, and hashes it.',
        input: paced,
        output: hashed,
        handler: async (input, { stream }) => {
          const hash = newHash();
          for await (const text of stream(other, 'words', input)) hash.update(String(text), 'latin1');
          return { hash: hash.digest('hex') };
        },
      }),
      words: capability({
        description: 'Streams texts.',
        input: paced,
        chunk: Type.String(),
        output: Type.Object({ count: whole }),
        async *handler(input, { signal }) {
          for (let i = 0; i < input.pieces; i += 1) {
            yield textOf(input, i);
            if (input.pauseMs > 0) await delay(input.pauseMs, undefined, { signal });
          }
          return { count: input.pieces };
        },
      }),
      bytes: capability({
        description: 'Streams bytes.',
        input: paced,
        chunk: bytes('application/octet-stream'),
        output: Type.Null(),
        async *handler(input, { signal }) {
          for (let i = 0; i < input.pieces; i += 1) {
            yield pieceOf(input, i);
            if (input.pauseMs > 0) await delay(input.pauseMs, undefined, { signal });
          }
        },
      }),
      take: capability({
        description: 'Takes bytes, and hashes them.',
        input: bytes('application/octet-stream'),
        output: hashed,
        upload: true,
        handler: async (body) => {
          const hash = newHash();
          for await (const piece of body) hash.update(piece);
          return { hash: hash.digest('hex') };
        },
      }),
      diagnose: capability({
        description: 'What it has in use, without garbage, and what keeps its event loop.',
        input: Type.Object({}),
        output: Type.Object({ usedBytes: Type.Number(), resources: Type.Record(Type.String(), whole) }),
        handler: () => diagnose(),
      }),
    },
  }),
);
