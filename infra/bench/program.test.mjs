import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readProcessStat } from '@bkg/sdk/host';
import { eventually } from '@bkg/sdk/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Program } from './program.ts';

let folder;

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'bkg-program-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** @returns its file */
function write(name, text) {
  const file = path.join(folder, name);
  writeFileSync(file, text);
  return file;
}

const lives = (pid) => readProcessStat(pid) !== undefined;

it('one that has ended by itself does not keep who ends it', async () => {
  const file = write('brief.mjs', 'process.send({ ready: 7 }, () => process.exit());');
  const program = await Program.start(file, {});
  expect(program.ready).toBe(7);
  await eventually(() => !lives(program.pid));
  await program[Symbol.asyncDispose]();
});

it('one that is not ready in time is not left behind', async () => {
  const pidFile = path.join(folder, 'pid');
  const text = `import { writeFileSync } from 'node:fs';
    writeFileSync(process.argv[2].slice(1, -1), String(process.pid));
    setInterval(() => undefined, 1_000);`;
  await expect(Program.start(write('silent.mjs', text), pidFile, 1_500)).rejects.toThrow(
    'silent.mjs was not ready within 1500 ms',
  );
  expect(lives(Number(readFileSync(pidFile, 'utf8')))).toBe(false);
});

it('one that fails says with what', async () => {
  await expect(Program.start(write('bad.mjs', 'process.exit(3);'), {})).rejects.toThrow(
    'bad.mjs ended with 3 before it was ready',
  );
});
