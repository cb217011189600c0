import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bytes } from '../../src/bytes.ts';
import { capability, definePlugin } from '../../src/define-plugin.ts';
import { Instance } from '../../src/instance.ts';
import { eventually, silentLogger, startNatsServer } from '../../src/testing.ts';
import type { TestServer } from '../../src/testing.ts';
import { FakeGateway } from './fake-gateway.ts';

const sdk = path.resolve(import.meta.dirname, '../..');
let folder: string;
let examples: string[];

beforeAll(async () => {
  const readme = await readFile(path.join(sdk, 'README.md'), 'utf8');
  const section = readme.slice(readme.indexOf('\n## Clients'), readme.indexOf('\n## Decisions'));
  examples = [...section.matchAll(/```ts\n([^]*?)```/g)].map(([, code = '']) => code);
  // Somebody's project, with the SDK installed.
  folder = await mkdtemp(path.join(tmpdir(), 'bkg-readme-'));
  await mkdir(path.join(folder, 'node_modules/@bkg'), { recursive: true });
  await symlink(sdk, path.join(folder, 'node_modules/@bkg/sdk'));
  await writeFile(path.join(folder, 'package.json'), '{"type": "module"}');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs a program until it has said so many lines; it may go on for ever. */
async function firstLines(count: number, code: string, env: Record<string, string> = {}): Promise<string[]> {
  await writeFile(path.join(folder, 'main.ts'), code);
  const child = spawn(process.execPath, ['main.ts'], {
    cwd: folder,
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  let text = '';
  for await (const chunk of child.stdout) {
    text += String(chunk);
    if (text.split('\n').length > count) break;
  }
  child.kill();
  await ended;
  return text.trimEnd().split('\n');
}

it('the client over NATS of the README runs as it stands there', async () => {
  await using server = await startNatsServer({ jetstream: false });
  const greeter = definePlugin({
    id: 'greeter',
    version: '1.0.0',
    description: 'Greets.',
    capabilities: {
      greet: capability({
        description: 'Says hello.',
        input: Type.Object({ name: Type.String() }),
        output: Type.Object({ text: Type.String() }),
        errors: { GREETER_SHY: { number: 422, retryable: false, description: 'It is shy.' } },
        handler: ({ name }) => ({ text: `Hello, ${name}!` }),
      }),
    },
  });
  await new Instance(greeter, { connection: await server.connect('greeter'), log: silentLogger }).start();
  const env = { BKG_NATS_URL: server.url, BKG_CREDENTIALS_FILE: server.credentialsFile };
  expect(await firstLines(1, examples[0] ?? '', env)).toEqual(['Hello, Ada!']);
});

it('the client over the gateway of the README runs as it stands there', async () => {
  await using gateway = await FakeGateway.start();
  gateway.onFrame = ({ op, id, topic, plugins, payload }, { send }) => {
    if (op === 'subscribe') {
      expect([topic, plugins]).toEqual(['logs', ['greeter']]);
      send({ type: 'snapshot', id, topic, seq: 1, snapshot: [] });
      send({ type: 'data', id, topic, seq: 2, data: { level: 'info', message: 'awake' } });
      send({ type: 'dropped', id, topic, count: 3 });
    } else {
      const { name } = payload as { name: string };
      send({ type: 'result', id, invocation_id: 'x', output: { text: `Hello, ${name}!` } });
    }
  };
  const code = (examples[1] ?? '').replace('http://localhost:43119', gateway.url);
  expect(await firstLines(6, code)).toEqual([
    expect.stringMatching(/^live since 20.*Z$/),
    'from here on:',
    'info awake',
    '3 lines are missing here',
    "{ text: 'Hello, Ada!' }",
    '{"text":"Hello, Grace!"}',
  ]);
});

describe('of streams, bytes and cancelling', () => {
  const aborted: unknown[] = [];
  const teller = definePlugin({
    id: 'teller',
    version: '1.0.0',
    description: 'Tells.',
    capabilities: {
      tell: capability({
        description: 'Word by word.',
        input: Type.Object({ about: Type.String() }),
        chunk: Type.Object({ word: Type.String() }),
        output: Type.Object({ words: Type.Integer() }),
        async *handler({ about }) {
          const words = `Once upon ${about}`.split(' ');
          for (const word of words) yield { word };
          return { words: words.length };
        },
      }),
      ramble: capability({
        description: 'Does not stop by itself.',
        input: Type.Object({}),
        chunk: Type.String(),
        output: Type.Null(),
        async *handler(_, { signal }) {
          signal.addEventListener('abort', () => aborted.push(signal.reason));
          for (;;) yield* ['and', 'so'];
        },
      }),
      digest: capability({
        description: 'How long it is.',
        input: bytes('image/*'),
        output: Type.Object({ bytes: Type.Integer() }),
        upload: true,
        handler: async (body) => {
          let length = 0;
          for await (const piece of body) length += piece.length;
          return { bytes: length };
        },
      }),
      speak: capability({
        description: 'Says it, loud and long.',
        input: Type.Object({ text: Type.String() }),
        chunk: bytes('audio/wav'),
        output: Type.Object({ secs: Type.Integer() }),
        async *handler({ text }) {
          for (let i = 0; i < 20; i += 1) yield Buffer.from(text.repeat(50_000));
          return { secs: 3 };
        },
      }),
    },
  });
  let server: TestServer;
  let instance: Instance;

  beforeAll(async () => {
    server = await startNatsServer({ jetstream: false });
    instance = new Instance(teller, { connection: await server.connect('teller'), log: silentLogger });
    await instance.start();
  });
  afterAll(async () => {
    await instance.drain(0);
    await server.stop();
  });

  const run = (count: number, example: number): Promise<string[]> =>
    firstLines(count, examples[example] ?? '', {
      BKG_NATS_URL: server.url,
      BKG_CREDENTIALS_FILE: server.credentialsFile,
    });

  it('a stream of the README runs as it stands there', async () => {
    expect(await run(5, 2)).toEqual(['Once', 'upon', 'the', 'sea', '{ words: 4 }']);
  });

  it('an upload of the README runs as it stands there', async () => {
    await writeFile(path.join(folder, 'picture.png'), Buffer.alloc(2_500_000));
    expect(await run(1, 3)).toEqual(['application/json { bytes: 2500000 }']);
  });

  it('a download of the README runs as it stands there', async () => {
    expect(await run(1, 4)).toEqual(['audio/wav { secs: 3 }']);
    const file = await readFile(path.join(folder, 'ahoy.wav'), 'utf8');
    expect(file).toBe('Ahoy'.repeat(1_000_000));
  });

  it('a cancellation of the README runs as it stands there', async () => {
    expect(await run(3, 5)).toEqual(['and', 'so', 'the plugin was told to stop']);
    await eventually(() => aborted.length === 1);
    expect(aborted).toMatchObject([{ code: 'CANCELLED' }]);
  });
});
