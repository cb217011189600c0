import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { expect, it } from 'vitest';

function bkg(...args: string[]) {
  const main = path.join(import.meta.dirname, '../src/main.ts');
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

it('helps whoever asks', () => {
  const { status, stdout } = bkg('help');
  expect(status).toBe(0);
  expect(stdout).toMatch(/^Usage: bkg <command>\n[^]*BKG_HOME/);
});

it('tells its version', () => {
  expect(bkg('--version')).toEqual({ status: 0, stdout: 'bkg 0.2.0\n', stderr: '' });
});

it.each([
  [['fly'], 'bkg: there is no command "fly"'],
  [[], 'bkg: a command is missing'],
  [['up', '--now'], 'bkg: bkg up takes no arguments, but was given: --now'],
])('answers %j with the usage and code 2', (args, why) => {
  const { status, stdout, stderr } = bkg(...args);
  expect([status, stdout]).toEqual([2, '']);
  expect(stderr).toContain(`${why}\n\nUsage: bkg <command>`);
});
