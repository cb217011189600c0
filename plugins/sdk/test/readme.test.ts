import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import type { Connection } from '../src/connection.ts';
import { parseJson } from '../src/json.ts';
import { configDefaults, headerNames, manifestSchema, subjects } from '../src/protocol/index.ts';
import type { JsonSchema, StatusEvent } from '../src/protocol/index.ts';
import { eventually, startNatsServer } from '../src/testing.ts';
import { createValidator } from '../src/validator.ts';

const root = path.resolve(import.meta.dirname, '../../..');

/** The first block of code in this language below the heading. */
function block(readme: string, heading: string, language: string): string {
  const below = readme.slice(readme.indexOf(heading));
  const found = new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``).exec(below)?.[1];
  if (found === undefined) throw new Error(`no ${language} below "${heading}"`);
  return found;
}

/** Runs the program beside the other plugins, where `@bkg/sdk` is found without a package of its own. */
async function run(code: string, use: (caller: Connection) => Promise<void>): Promise<void> {
  await using server = await startNatsServer({ jetstream: false });
  const folder = await mkdtemp(path.join(root, 'plugins', '.readme-'));
  try {
    await writeFile(path.join(folder, 'main.ts'), code);
    const child = spawn(process.execPath, ['main.ts'], {
      cwd: folder,
      env: {
        PATH: process.env['PATH'],
        BKG_NATS_URL: server.url,
        BKG_CREDENTIALS_FILE: server.credentialsFile,
        BKG_DATA_DIR: path.join(folder, 'data'),
      },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    try {
      await use(await server.connect('caller'));
    } finally {
      child.kill('SIGTERM');
    }
    expect(await ended).toBe(0);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const greet = async (caller: Connection): Promise<unknown> => {
  const subject = subjects.invokeCapability('greeter', 'greet');
  const reply = await eventually(() => caller.request(subject, '{"name":"Ada"}', { timeoutMs: 1_000 }));
  return reply.json();
};

it('the plugin of the README runs as it stands there', async () => {
  const readme = await readFile(path.join(root, 'README.md'), 'utf8');
  const manifest = JSON.parse(block(readme, '## A plugin of your own', 'json')) as { command: string[] };
  expect(createValidator(manifestSchema as unknown as JsonSchema)(manifest)).toEqual([]);
  expect(manifest.command).toEqual(['node', 'main.ts']);
  await run(block(readme, '## A plugin of your own', 'ts'), async (caller) => {
    expect(await greet(caller)).toEqual({ text: 'Hello, Ada!' });
  });
});

it('the limits in the README of the SDK may stand in plugin.json, and are the defaults', async () => {
  const readme = await readFile(path.join(root, 'plugins/sdk/README.md'), 'utf8');
  const manifest = JSON.parse(block(readme, '### What it may take', 'json')) as { config: object };
  expect(createValidator(manifestSchema as unknown as JsonSchema)(manifest)).toEqual([]);
  const { resources, limits, sandbox } = configDefaults;
  expect(manifest.config).toEqual({ resources, limits, sandbox });
});

it('the plugin that takes other settings over, in the README of the SDK, runs as it stands there', async () => {
  const readme = await readFile(path.join(root, 'plugins/sdk/README.md'), 'utf8');
  await run(block(readme, '## An instance', 'ts'), async (caller) => {
    expect(await greet(caller)).toEqual({ text: 'Hello, Ada!' });
    const [status] = await caller.requestMany(subjects.status('greeter'), '', { forMs: 1_000, most: 1 });
    const { instance = '' } = status?.json<StatusEvent>() ?? {};
    const config = { id: 'greeter', ...configDefaults, settings: { greeting: 'Ahoy' } };
    const order = caller.request(subjects.configure('greeter', instance), JSON.stringify(config), {
      timeoutMs: 2_000,
    });
    expect((await order).json()).toEqual({ ok: true });
    expect(await greet(caller)).toEqual({ text: 'Ahoy, Ada!' });
  });
});

it('the plugin that streams, in the README of the SDK, runs as it stands there', async () => {
  const readme = await readFile(path.join(root, 'plugins/sdk/README.md'), 'utf8');
  await run(block(readme, '### Streams and bytes', 'ts'), async (caller) => {
    const subject = subjects.invokeCapability('files', 'lines.find');
    const lines = await eventually(async () => {
      const stream = caller.requestStream(subject, 'one\ntwo\nthree', {
        plugin: 'files',
        timeoutMs: 1_000,
        headers: { [headerNames.contentType]: 'text/plain', 'X-Word': 'o' },
      });
      const found = await Array.fromAsync(stream, ({ data }) => parseJson(data));
      return { found, output: (await stream.last).json() };
    });
    expect(lines).toEqual({ found: ['one', 'two'], output: { lines: 3 } });
  });
});
