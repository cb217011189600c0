import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Type } from 'typebox';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { capability, definePlugin } from '../../src/define-plugin.ts';
import { Instance } from '../../src/instance.ts';
import { silentLogger, startNatsServer } from '../../src/testing.ts';
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
