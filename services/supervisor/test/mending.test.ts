import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '@bkg/sdk/testing';
import { fixture, Mesh } from './mesh.ts';

/** Whoever fails waits for so long that no test sees the end of it. */
let mesh: Mesh;
const longMs = 600_000;

beforeAll(async () => {
  mesh = await Mesh.create();
  await mesh.supervise({ settleMs: 100, restartFirstMs: longMs, restartMostMs: longMs });
});
afterAll(() => mesh[Symbol.asyncDispose]());

const at = (...names: string[]): string => path.join(mesh.plugins, ...names);
const works = `import ${JSON.stringify(fixture('echo.mjs'))};`;

/** A plugin whose program imports what is wrong, so that neither it nor plugin.json changes when that is mended. */
function drop(id: string, part: string, main = "import './part.mjs';"): void {
  mkdirSync(at(id));
  writeFileSync(at(id, 'part.mjs'), part);
  writeFileSync(at(id, 'main.mjs'), main);
  writeManifest(id);
}

function writeManifest(id: string, more: object = {}): void {
  const manifest = { id, version: '1.0.0', command: ['node', 'main.mjs'], autostart: true, ...more };
  writeFileSync(at(id, 'plugin.json'), JSON.stringify(manifest));
}

/** And so long ago that a file which is written now is newer: the times of files lag behind by a tick of the kernel. */
async function hasFailed(id: string): Promise<void> {
  await eventually(async () => (await mesh.get(id)).error?.includes('starting it again in'));
  await new Promise((resolve) => setTimeout(resolve, 25));
}
const runs = (id: string) => eventually(async () => (await mesh.get(id)).status === 'running');
const launches = async (id: string): Promise<number> =>
  (await mesh.messages(id)).filter((line) => line.startsWith(`${id} 1.0.0: `)).length;

it('a plugin that failed is started at once when any file in its folder is mended', async () => {
  drop('mended', 'throw new Error();');
  await hasFailed('mended');
  writeFileSync(at('mended', 'part.mjs'), works);
  await runs('mended');
  expect(await mesh.get('mended')).not.toHaveProperty('error');
});

it('a plugin that failed is started at once when its plugin.json is another', async () => {
  drop('wrong', works, 'process.exit(3);');
  await hasFailed('wrong');
  writeManifest('wrong', { command: ['node', 'part.mjs'] });
  await runs('wrong');
});

it('a plugin that writes into its own folder each time it fails is not started for that', async () => {
  const main = "import { appendFileSync } from 'node:fs'; appendFileSync('own.log', 'x'); process.exit(3);";
  drop('busy', '', main);
  await hasFailed('busy');
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  expect(await launches('busy')).toBe(1);
  // Somebody looks, and changes what does not help: it is tried once, and waits again.
  appendFileSync(at('busy', 'main.mjs'), '// looked at');
  await eventually(async () => (await launches('busy')) === 2);
  await hasFailed('busy');
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(await launches('busy')).toBe(2);
});

it('what a plugin prints comes after the line that tells of its launch', async () => {
  mkdirSync(at('chatty'));
  // A shell says something sooner than whoever started it gets to its next line.
  const command = ['sh', '-c', 'echo first words; exit 3'];
  writeManifest('chatty', { command });
  await hasFailed('chatty');
  const messages = await mesh.messages('chatty');
  expect(messages.slice(0, 2)).toEqual([`chatty 1.0.0: ${command.join(' ')}`, 'first words']);
});
