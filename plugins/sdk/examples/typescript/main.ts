import { createHash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { bytes, capability, definePlugin, PluginError, runPlugin, Type } from '@bkg/sdk';

const samplesPerSec = 8_000;
/** Of the tone, which swings a whole number of times in it: 16 bits a sample. */
const second = new Uint8Array(
  Int16Array.from(
    { length: samplesPerSec },
    (_, i) => 12_000 * Math.sin((2 * Math.PI * 440 * i) / samplesPerSec),
  ).buffer,
);

/** One channel of PCM. */
function wavHeader(secs: number): Uint8Array {
  const header = Buffer.alloc(44);
  const length = secs * second.length;
  header.write('RIFF    WAVEfmt ', 'latin1');
  header.writeUInt32LE(36 + length, 4);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(samplesPerSec, 24);
  header.writeUInt32LE(2 * samplesPerSec, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36, 'latin1');
  header.writeUInt32LE(length, 40);
  return header;
}

const plugin = definePlugin({
  id: 'hello-typescript',
  version: '1.0.0',
  name: 'Hello, TypeScript',
  description: 'Greets, waits, counts, digests, sings and reverses; TypeScript with the SDK.',
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
    // A generator: it goes on when the caller has read, and ends at a `yield` when the caller is gone.
    count: capability({
      description: 'Counts, one chunk for each number, as fast as the caller reads.',
      idempotent: true,
      input: Type.Object(
        { to: Type.Integer({ minimum: 1, maximum: 1_000_000, examples: [100] }) },
        { additionalProperties: false },
      ),
      chunk: Type.Object({ n: Type.Integer() }),
      output: Type.Object({ counted: Type.Integer() }),
      async *handler({ to }) {
        for (let n = 1; n <= to; n++) yield { n };
        return { counted: to };
      },
    }),
    // However large the upload is, a few pieces of it are in memory.
    digest: capability({
      description: 'The length and the SHA-256 of bytes of any kind, which may come in chunks.',
      idempotent: true,
      upload: true,
      input: bytes(),
      output: Type.Object({ bytes: Type.Integer(), sha256: Type.String() }),
      handler: async (body) => {
        const hash = createHash('sha256');
        let length = 0;
        for await (const piece of body) {
          hash.update(piece);
          length += piece.length;
        }
        return { bytes: length, sha256: hash.digest('hex') };
      },
    }),
    // A body of any length, of which no more is made than its caller reads.
    tone: capability({
      description: 'A tone of 440 Hz, so many seconds long, as a WAV file.',
      idempotent: true,
      input: Type.Object(
        { secs: Type.Integer({ minimum: 1, maximum: 3_600, examples: [1] }) },
        { additionalProperties: false },
      ),
      chunk: bytes('audio/wav'),
      output: Type.Null(),
      async *handler({ secs }) {
        yield wavHeader(secs);
        for (let sec = 0; sec < secs; sec++) yield second;
        return null;
      },
    }),
    // Bytes in and bytes out, of the content type that they have come with.
    reverse: capability({
      description: 'Bytes of any kind in the other order.',
      idempotent: true,
      input: bytes(),
      output: bytes(),
      handler: async (body, { respondAs }) => {
        respondAs(body.contentType);
        return (await body.bytes()).toReversed();
      },
    }),
  },
});

await runPlugin(plugin);
