import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { logFile } from '../src/up/log-file.ts';
import { endPlugins } from '../src/up/plugin-ender.ts';
import type { PluginEnder } from '../src/up/plugin-ender.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'bkg-cli-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

/** Ends with this code when it is gentle, and with 0 when it is not. */
function ender(code: number, ...folders: string[]): PluginEnder {
  const script = `process.exit(process.argv.includes('--now') ? 0 : ${code})`;
  return {
    program: { command: process.execPath, args: ['-e', script, '--'] },
    env: process.env,
    log: logFile(path.join(dir, ...folders, 'supervisor.log')),
  };
}

it('ends plugins gently, and hard when that fails', async () => {
  const { signal } = new AbortController();
  expect(await endPlugins(ender(0), 10_000, signal)).toEqual({ how: 'stopped' });
  expect(await endPlugins(ender(1), 10_000, signal)).toEqual({ how: 'killed' });
  expect(await endPlugins(ender(1), 10_000, AbortSignal.abort())).toEqual({ how: 'killed' });
});

it('says why it cannot: whoever stops the mesh has more to stop', async () => {
  const ended = await endPlugins(ender(0, 'nowhere'), 10_000, new AbortController().signal);
  expect(ended).toEqual({
    why: expect.stringMatching(/^what ends them could not be started \(ENOENT.*\(log: .*\)$/) as string,
  });
});
