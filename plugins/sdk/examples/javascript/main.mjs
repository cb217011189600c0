/** What this plugin can do. */
import { createHash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { runPlugin } from './bkg.mjs';
import { Failure } from './failure.mjs';

await runPlugin({
  id: 'hello-javascript',
  version: '1.0.0',
  name: 'Hello, JavaScript',
  description: 'Greets, waits, counts and digests; JavaScript on node:net, without a library.',
  capabilities: {
    greet: {
      description: 'Greets somebody by name.',
      idempotent: true,
      input: {
        type: 'object',
        required: ['name'],
        properties: { name: { type: 'string', minLength: 1, maxLength: 100, examples: ['Ada'] } },
        additionalProperties: false,
      },
      output: { type: 'object', required: ['greeting'], properties: { greeting: { type: 'string' } } },
      errors: {
        HELLO_JAVASCRIPT_NOBODY: {
          number: 404,
          retryable: false,
          description: 'There is nobody of this name.',
        },
      },
      /** What is wrong with a payload; the schema says the same to those who read it. */
      check: ({ name, ...others }) => [
        ...(typeof name === 'string' && lengthOf(name) >= 1 && lengthOf(name) <= 100
          ? []
          : [{ path: '/name', message: 'must be a text of 1 to 100 characters' }]),
        ...unknown(others),
      ],
      run: ({ name }) => {
        if (name === 'nobody') throw new Failure('HELLO_JAVASCRIPT_NOBODY', 'There is nobody to greet.');
        return { greeting: `Hello, ${name}!` };
      },
    },
    wait: {
      description: 'Answers after a while, unless it is cancelled before.',
      idempotent: true,
      input: {
        type: 'object',
        required: ['ms'],
        properties: { ms: { type: 'integer', minimum: 0, maximum: 60_000, examples: [100] } },
        additionalProperties: false,
      },
      output: { type: 'object', required: ['waited_ms'], properties: { waited_ms: { type: 'integer' } } },
      check: ({ ms, ...others }) => [
        ...(Number.isInteger(ms) && ms >= 0 && ms <= 60_000
          ? []
          : [{ path: '/ms', message: 'must be a whole number from 0 to 60000' }]),
        ...unknown(others),
      ],
      run: async ({ ms }, { signal }) => {
        await wait(ms, undefined, { signal });
        return { waited_ms: ms };
      },
    },
    count: {
      description: 'Counts, one chunk for each number, as fast as the caller reads.',
      idempotent: true,
      stream: true,
      input: {
        type: 'object',
        required: ['to'],
        properties: { to: { type: 'integer', minimum: 1, maximum: 1_000_000, examples: [100] } },
        additionalProperties: false,
      },
      chunk: { type: 'object', required: ['n'], properties: { n: { type: 'integer' } } },
      output: { type: 'object', required: ['counted'], properties: { counted: { type: 'integer' } } },
      check: ({ to, ...others }) => [
        ...(Number.isInteger(to) && to >= 1 && to <= 1_000_000
          ? []
          : [{ path: '/to', message: 'must be a whole number from 1 to 1000000' }]),
        ...unknown(others),
      ],
      run: async function* ({ to }) {
        for (let n = 1; n <= to; n++) yield { n };
        return { counted: to };
      },
    },
    digest: {
      description: 'The length and the SHA-256 of bytes of any kind, which may come in chunks.',
      idempotent: true,
      upload: true,
      inputType: '*/*',
      output: {
        type: 'object',
        required: ['bytes', 'sha256'],
        properties: { bytes: { type: 'integer' }, sha256: { type: 'string' } },
      },
      run: async (body) => {
        const hash = createHash('sha256');
        let bytes = 0;
        for await (const piece of body) {
          hash.update(piece);
          bytes += piece.length;
        }
        return { bytes, sha256: hash.digest('hex') };
      },
    },
  },
});

/** In characters, as JSON Schema counts them. */
function lengthOf(text) {
  return [...text].length;
}

function unknown(others) {
  return Object.keys(others).map((name) => ({ path: '', message: `must not have the property "${name}"` }));
}
