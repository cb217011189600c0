import { bytes, capability, definePlugin, Type } from '@bkg/sdk';
import type { PluginDefinition } from '@bkg/sdk';
import { PatternCheck, pieceAt } from './pattern.ts';
import { readPaced } from './pace.ts';
import type { Pace } from './pace.ts';
import { Gate } from './gate.ts';

export const streamer = 'streamer';

/** Of the bytes of `bytes`, which come in pieces of each of these sizes in turn. */
const pieceSizes = [16 * 1_024, 64 * 1_024, 256 * 1_024] as const;

export interface WordsInput {
  /** How many at most. */
  chunks: number;
  /** Of each, as JSON. */
  bytes: number;
  /** After its first chunk each waits until so many have come as far. @default 1 */
  together?: number;
}

/** @param pace of reading what is uploaded */
export function defineStreamer(pace: Pace): PluginDefinition {
  const gate = new Gate();
  const whole = Type.Integer({ minimum: 1 });
  return definePlugin({
    id: streamer,
    version: '1.0.0',
    description: 'Streams what is asked for.',
    capabilities: {
      bytes: capability({
        description: 'So many bytes.',
        input: Type.Object({ total: whole }),
        chunk: bytes('application/octet-stream'),
        output: Type.Null(),
        async *handler({ total }) {
          for (let [offset, turn] = [0, 0]; offset < total; turn += 1) {
            const size = Math.min(pieceSizes[turn % pieceSizes.length] ?? 0, total - offset);
            yield pieceAt(offset, size);
            offset += size;
          }
        },
      }),
      words: capability({
        description: 'So many texts of the same length.',
        input: Type.Object({ chunks: whole, bytes: whole, together: Type.Optional(whole) }),
        chunk: Type.String(),
        output: Type.Object({ chunks: whole }),
        async *handler({ chunks, bytes: size, together = 1 }, { signal }) {
          const text = 'x'.repeat(Math.max(0, size - 2));
          yield text;
          await gate.pass(together, signal);
          for (let sent = 1; sent < chunks; sent += 1) yield text;
          return { chunks };
        },
      }),
      take: capability({
        description: 'Takes bytes, at its own pace, and looks at them.',
        input: bytes('application/octet-stream'),
        output: Type.Object({ bytes: Type.Integer(), fastBytes: Type.Integer(), fastMs: Type.Number() }),
        upload: true,
        handler: async (body) => {
          const check = new PatternCheck();
          return await readPaced(body, pace, (piece) => {
            check.take(piece);
            return piece.length;
          });
        },
      }),
    },
  });
}
