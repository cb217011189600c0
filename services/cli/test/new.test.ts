import { spawnSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '@bkg/sdk/testing';
import { projectFolder } from '../src/project.ts';
import { bkg, startBkg } from './bkg.ts';
import { testHome } from './test-home.ts';
import type { TestHome } from './test-home.ts';

/** Where packages resolve by themselves, and where they do not. */
let inside: string;
let outside: string;
let home: TestHome;

beforeAll(async () => {
  mkdirSync(path.join(projectFolder, '.bkg'), { recursive: true });
  inside = mkdtempSync(path.join(projectFolder, '.bkg/test-new-'));
  outside = realpathSync(mkdtempSync(path.join(tmpdir(), 'bkg new ')));
  home = await testHome();
  await home.runningMesh({ BKG_PLUGINS_PATH: [inside, outside].join(path.delimiter) });
}, 60_000);
afterAll(async () => {
  await home[Symbol.asyncDispose]();
  for (const folder of [inside, outside]) rmSync(folder, { recursive: true, force: true });
});

const run = (...args: string[]) =>
  bkg(args, {
    env: { BKG_HOME: home.dir, BKG_PLUGINS_PATH: [inside, outside].join(path.delimiter) },
    cwd: outside,
  });
const hasPython = spawnSync('python3', ['--version']).status === 0;

// At once: each waits most of the time.
describe.concurrent('what bkg new makes', () => {
  const cases = [
    ['typescript', 'inside'],
    ['typescript', 'outside'],
    ['nest', 'inside'],
    ['nest', 'outside'],
    ...(hasPython ? [['python', 'outside'] as const] : []),
  ] as const;

  it.each(cases)(
    'from the template %s, %s of the project, runs, answers and keeps to the protocol',
    async (template, where) => {
      const id = `made-${template}-${where}`;
      const parent = where === 'inside' ? inside : outside;
      const made = await run('new', id, '--template', template, '--in', parent);
      expect(made).toMatchObject({ code: 0, stderr: '' });
      expect(made.stdout).toContain('The mesh has found it. Next:');
      expect(await run('start', id)).toMatchObject({ code: 0, stderr: '' });
      expect(JSON.parse((await run('invoke', id, 'greet', '{"name": "Ada"}')).stdout)).toEqual({
        greeting: 'Hello, Ada!',
      });
      const refused = await run('invoke', id, 'greet', '{"name": "nobody"}');
      expect([refused.code, refused.stderr]).toEqual([
        3,
        expect.stringContaining(`MADE_${template.toUpperCase()}_${where.toUpperCase()}_NOBODY (404)`),
      ]);
      const conformance = await run('conformance', id, '--level', 'service');
      expect(conformance.code, conformance.stdout + conformance.stderr).toBe(0);
      expect(conformance.stdout).toContain(`${id} keeps to the protocol up to the level "service"`);
      expect(await run('stop', id)).toMatchObject({ code: 0 });
    },
    60_000,
  );

  it('may have an id that begins with a digit', async () => {
    expect((await run('new', '3d', '--in', outside)).code).toBe(0);
    expect(await run('start', '3d')).toMatchObject({ code: 0, stderr: '' });
    expect((await run('invoke', '3d', 'greet', '{"name": "nobody"}')).stderr).toContain('3D_NOBODY (404)');
  }, 120_000);
});

describe('bkg new', () => {
  it('says what it has made and what to do next', async () => {
    const { stdout } = await bkg(['new', 'told'], { env: { BKG_PLUGINS_PATH: outside }, cwd: outside });
    expect(stdout).toMatch(/^Made told from the template typescript: .*\bmain\.ts, .*plugin\.json/);
    expect(stdout).toMatch(
      /A mesh finds it by itself\. Next:\n\n {2}bkg start told\n {2}bkg invoke told greet '\{"name": "Ada"\}'\n {2}bkg conformance told\n$/,
    );
    const byNpx = await bkg(['new', 'npx'], {
      env: { BKG_PLUGINS_PATH: outside, npm_command: 'exec' },
      cwd: outside,
    });
    expect(byNpx.stdout).toContain(`\n  npx --prefix ${projectFolder} bkg start npx\n`);
    const elsewhere = await bkg(['new', 'told', '--in', 'a folder'], { cwd: outside });
    // It can be pasted anywhere.
    expect(elsewhere.stdout).toContain(
      `\n  BKG_PLUGINS_PATH='${path.join(outside, 'a folder')}' npm --prefix ${projectFolder} start\n  bkg start told\n`,
    );
  });

  it('is called after its plugin throughout', async () => {
    expect((await run('new', 'of-another-name', '--in', outside)).code).toBe(0);
    const folder = path.join(outside, 'of-another-name');
    expect(JSON.parse(readFileSync(path.join(folder, 'plugin.json'), 'utf8'))).toMatchObject({
      id: 'of-another-name',
      name: 'Of another name',
    });
    const files = readdirSync(folder, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => path.join(parentPath, name))
      .filter((file) => !file.includes('node_modules'));
    expect(files.length).toBeGreaterThan(1);
    for (const file of files) expect(readFileSync(file, 'utf8'), file).not.toMatch(/hello[-_]typescript/i);
  });

  it('takes nothing from what is already there, whatever it is', async () => {
    writeFileSync(path.join(outside, 'file'), 'kept');
    symlinkSync('nowhere', path.join(outside, 'link'));
    mkdirSync(path.join(outside, 'folder'));
    for (const name of ['file', 'link', 'folder']) {
      const { code, stderr } = await run('new', name, '--in', outside);
      expect([code, stderr]).toEqual([
        1,
        `bkg: ${path.join(outside, name)} is already there.\n  To do: choose another name, or another folder with --in.\n`,
      ]);
    }
    expect(readFileSync(path.join(outside, 'file'), 'utf8')).toBe('kept');
    expect(lstatSync(path.join(outside, 'link')).isSymbolicLink()).toBe(true);
    expect(readdirSync(path.join(outside, 'folder'))).toEqual([]);
  });

  it('leaves nothing but what it has made', async () => {
    for (const parent of [inside, outside])
      expect(readdirSync(parent).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  it('leaves nothing when it cannot be done, or is stopped', async () => {
    const file = path.join(outside, 'file');
    const cases = [
      [file, `${file} is no folder but a file.`],
      [`${file}/in`, `${file}/in cannot be made: ${file} is no folder but a file.`],
      // Where they are mounted: a container may be without.
      ...(existsSync('/sys/kernel')
        ? [['/sys', 'Nothing can be made in /sys, where the system shows its devices and drivers.']]
        : []),
      ...(existsSync('/proc/self')
        ? [['/proc/in', 'Nothing can be made in /proc, where the system shows its processes.']]
        : []),
    ];
    for (const [place = '', why] of cases)
      expect(await run('new', 'x', '--in', place)).toEqual({
        code: 1,
        stdout: '',
        stderr: `bkg: ${why}\n  To do: choose another folder with --in.\n`,
      });

    const parent = path.join(outside, 'stopped');
    const { child, ended } = startBkg(['new', 'x', '--template', 'nest', '--in', parent], { cwd: outside });
    // While the compiler runs.
    await eventually(() => existsSync(parent) && readdirSync(parent).length > 0);
    child.kill('SIGINT');
    expect((await ended).code).toBe(130);
    expect(readdirSync(parent)).toEqual([]);
  });
});
