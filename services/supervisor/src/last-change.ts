import type { Dirent } from 'node:fs';
import { lstat, readdir, stat } from 'node:fs/promises';
import path from 'node:path';

export interface Change {
  /** Of the file, below the folder; "." for the folder itself. */
  name: string;
  /** ms since the epoch. */
  at: number;
}

/** The package manager's and git's: large, and nobody's plugin. */
const leftOut = new Set(['node_modules', '.git']);
/** Of one folder; a plugin with more is judged by these. */
const entriesMost = 5_000;

/**
 * The newest change of anything in a folder, as far as it is newer than `enough`: the first such is returned at once.
 * `ctime`, because copying and unpacking set `mtime` to that of the original.
 * @throws what the system says when something cannot be read, as when it goes while we look
 */
export async function lastChange(folder: string, enough: number): Promise<Change> {
  let newest: Change = { name: '.', at: (await stat(folder)).ctimeMs };
  const folders = ['.'];
  let count = 0;
  for (let next = folders.shift(); next !== undefined; next = folders.shift()) {
    for (const entry of await readdir(path.join(folder, next), { withFileTypes: true })) {
      if (leftOut.has(entry.name)) continue;
      if (newest.at > enough || (count += 1) > entriesMost) return newest;
      const name = path.join(next, entry.name);
      // A link to a folder is not followed: it may lead back.
      if (entry.isDirectory()) folders.push(name);
      const at = await changedAt(path.join(folder, name), entry);
      if (at > newest.at) newest = { name, at };
    }
  }
  return newest;
}

async function changedAt(file: string, entry: Dirent): Promise<number> {
  if (!entry.isSymbolicLink()) return (await lstat(file)).ctimeMs;
  try {
    return (await stat(file)).ctimeMs;
  } catch {
    // It leads nowhere, or not yet.
    return (await lstat(file)).ctimeMs;
  }
}
