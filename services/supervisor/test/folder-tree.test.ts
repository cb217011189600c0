import {
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeEach, expect, it } from 'vitest';
import { eachBelow } from '../src/isolation/folder-tree.ts';

const base = realpathSync(mkdtempSync(path.join(tmpdir(), 'bkg-tree-')));
afterAll(() => rmSync(base, { recursive: true }));

let top: string;
let outside: string;

beforeEach((context) => {
  top = path.join(base, context.task.id, 'top');
  outside = path.join(base, context.task.id, 'outside');
  mkdirSync(path.join(top, 'one/two'), { recursive: true });
  mkdirSync(outside);
  writeFileSync(path.join(top, 'one/two/file'), 'x');
  writeFileSync(path.join(outside, 'secret'), 'x');
});

/** Names in the order in which they come. */
function namesBelow(onName: (name: string) => void = () => undefined): string[] {
  const names: string[] = [];
  eachBelow(top, (file, isFolder) => {
    const name = path.basename(file);
    names.push(isFolder ? `${name}/` : name);
    onName(name);
  });
  return names;
}

it.skipIf(process.platform !== 'linux')('comes by everything, and by links without following them', () => {
  symlinkSync(outside, path.join(top, 'link'));
  expect(namesBelow().toSorted()).toEqual(['file', 'link', 'one/', 'two/']);
});

it.skipIf(process.platform !== 'linux').each([
  ['a link', () => symlinkSync(outside, path.join(top, 'one/two'))],
  ['another folder', () => renameSync(outside, path.join(top, 'one/two'))],
])('goes into nothing that was put in the place of a folder: %s', (_, replace) => {
  const names: string[] = [];
  const swap = (name: string): void => {
    names.push(name);
    if (name !== 'two') return;
    renameSync(path.join(top, 'one/two'), path.join(top, 'one/moved'));
    replace();
  };
  expect(() => namesBelow(swap)).toThrow(/replaced|ELOOP|ENOTDIR/);
  expect(names).not.toContain('secret');
});

it.skipIf(process.platform !== 'linux')('does not lose its way when a folder above is replaced', () => {
  const swap = (name: string): void => {
    if (name !== 'two') return;
    renameSync(path.join(top, 'one'), path.join(top, 'moved'));
    symlinkSync(outside, path.join(top, 'one'));
    mkdirSync(path.join(outside, 'two'));
  };
  expect(() => namesBelow(swap)).toThrow('was replaced while it was looked at');
});
