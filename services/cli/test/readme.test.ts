import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { projectFolder } from '../src/project.ts';

const readme = readFileSync(path.join(projectFolder, 'README.md'), 'utf8');
const isThere = (file: string): boolean => existsSync(path.join(projectFolder, file));

/** Files in a row of a table: a name alone lies in the `src` that the row has named last. */
function filesIn(row: string): string[] {
  let source = '';
  return [...row.matchAll(/`([\w./-]+\.ts)`/g)].map(([, name = '']) => {
    const [named] = /^.*\/src\//.exec(name) ?? [];
    source = named ?? source;
    return named === undefined ? source + name : name;
  });
}

it('leads to files that are there', () => {
  const [, section = ''] = /### Along the arrows\n([^]*?)\n##/.exec(readme) ?? [];
  const files = section
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .flatMap(filesIn);
  expect(files.length).toBeGreaterThan(20);
  expect(files.filter((file) => !isThere(file))).toEqual([]);
  const links = [...readme.matchAll(/\]\((?!http|#)([^)#]+)/g)].map(([, link = '']) => link);
  expect(links.filter((link) => !isThere(link))).toEqual([]);
});
