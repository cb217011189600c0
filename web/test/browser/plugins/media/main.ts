import { createHash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { bytes, capability, definePlugin, runPlugin, Type } from '@bkg/sdk';

/** A second of a tone, as a file of 8 bits and 8,000 samples a second. */
function wav(hertz: number): Uint8Array {
  const samples = Uint8Array.from({ length: 8_000 }, (_, i) =>
    Math.round(128 + 60 * Math.sin((i * hertz * 2 * Math.PI) / 8_000)),
  );
  const head = Buffer.alloc(44);
  head.write('RIFF', 0);
  head.writeUInt32LE(36 + samples.length, 4);
  head.write('WAVEfmt ', 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(8_000, 24);
  head.writeUInt32LE(8_000, 28);
  head.writeUInt16LE(1, 32);
  head.writeUInt16LE(8, 34);
  head.write('data', 36);
  head.writeUInt32LE(samples.length, 40);
  return Buffer.concat([head, samples]);
}

const words = 'Wer reitet so spät durch Nacht und Wind? Es ist der Vater mit seinem Kind.'.split(/(?<= )/);

await runPlugin(
  definePlugin({
    id: 'media',
    version: '1.0.0',
    name: 'Media',
    description: 'Answers in parts, and takes and gives bytes.',
    capabilities: {
      words: capability({
        description: 'A poem, word by word.',
        input: Type.Object({
          count: Type.Integer({ minimum: 0, default: 15 }),
          pause_ms: Type.Integer({ default: 20 }),
        }),
        chunk: Type.Object({ text: Type.String() }),
        output: Type.Object({ words: Type.Integer() }),
        handler: async function* ({ count, pause_ms: pauseMs }, { signal }) {
          for (let i = 0; i < count; i++) {
            if (pauseMs > 0) await wait(pauseMs, undefined, { signal });
            yield { text: words[i % words.length] ?? '' };
          }
          return { words: count };
        },
      }),
      echo: capability({
        description: 'Gives back what it gets.',
        input: Type.Unsafe<unknown>({
          examples: [{ text: 'It\'s $HOME, `ls` and "{{Count}}"\\ 100 % – äöü 🦜' }],
        }),
        output: Type.Unsafe<unknown>({}),
        idempotent: true,
        handler: (input) => input,
      }),
      picture: capability({
        description: 'Gives back the picture it gets.',
        input: bytes('image/*'),
        output: bytes('image/*'),
        upload: true,
        handler: async (picture, { respondAs }) => {
          respondAs(picture.contentType);
          return picture.bytes();
        },
      }),
      tone: capability({
        description: 'A tone of a second.',
        input: Type.Object({ hertz: Type.Integer({ minimum: 20, maximum: 4_000, default: 440 }) }),
        output: bytes('audio/wav'),
        handler: ({ hertz }) => wav(hertz),
      }),
      file: capability({
        description: 'Zeros, in pieces.',
        input: Type.Object({ kib: Type.Integer({ minimum: 0, default: 512 }) }),
        chunk: bytes('application/octet-stream'),
        output: Type.Null(),
        handler: async function* ({ kib }) {
          const piece = new Uint8Array(64 * 1024);
          for (let left = kib * 1024; left > 0; left -= piece.length) yield piece.subarray(0, left);
        },
      }),
      measure: capability({
        description: 'Reads bytes of any length.',
        input: bytes(),
        output: Type.Object({ bytes: Type.Integer(), sha256: Type.String() }),
        upload: true,
        handler: async (body) => {
          const hash = createHash('sha256');
          let count = 0;
          for await (const piece of body) {
            hash.update(piece);
            count += piece.length;
          }
          return { bytes: count, sha256: hash.digest('hex') };
        },
      }),
      lines: capability({
        description: 'Reads a text, and gives its lines while it reads.',
        input: bytes('text/*'),
        chunk: Type.Object({ line: Type.Integer(), text: Type.String() }),
        output: Type.Null(),
        upload: true,
        handler: async function* (body) {
          const text = Buffer.from(await body.bytes()).toString();
          for (const [i, line] of text.split('\n').entries()) yield { line: i + 1, text: `${line}\n` };
        },
      }),
    },
  }),
);
