import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { manifestSchema, subjects } from '../src/protocol/index.ts';
import type { JsonSchema } from '../src/protocol/index.ts';
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

it('the plugin of the README runs as it stands there', async () => {
  const readme = await readFile(path.join(root, 'README.md'), 'utf8');
  const manifest = JSON.parse(block(readme, '## A plugin of your own', 'json')) as { command: string[] };
  expect(createValidator(manifestSchema as unknown as JsonSchema)(manifest)).toEqual([]);

  await using server = await startNatsServer({ jetstream: false });
  // Beside the other plugins, where `@bkg/sdk` is found without a package of its own.
  const folder = await mkdtemp(path.join(root, 'plugins', '.readme-'));
  try {
    await writeFile(path.join(folder, 'main.ts'), block(readme, '## A plugin of your own', 'ts'));
    const child = spawn(process.execPath, manifest.command.slice(1), {
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
    const caller = await server.connect('caller');
    const reply = await eventually(() =>
      caller.request(subjects.invokeCapability('greeter', 'greet'), '{"name":"Ada"}', { timeoutMs: 1_000 }),
    );
    expect(reply.json()).toEqual({ text: 'Hello, Ada!' });
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
