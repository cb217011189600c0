import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** Never an input of anything: made by tools, or fetched. */
const skipped = new Set(['node_modules', 'dist', 'build', '.git', '.bkg', '.svelte-kit', '.cache']);

/**
 * A hash over the names and contents of files and folders, to tell whether work must be done again. Contents and not
 * times, so that a fresh checkout of the same sources counts as unchanged.
 * @param {string} base
 * @param {string[]} entries  files and folders under base; one that is missing counts as missing
 * @param {(file: string) => boolean} [keep]  by the path from base
 * @param {Set<string>} [skip]  names of folders to leave out
 */
export function fingerprint(base, entries, keep = () => true, skip = skipped) {
  const hash = createHash('sha256');
  const visit = (entry) => {
    const file = path.join(base, entry);
    const stat = lstatSync(file, { throwIfNoEntry: false });
    if (stat?.isDirectory()) {
      for (const name of readdirSync(file).sort()) if (!skip.has(name)) visit(path.posix.join(entry, name));
    } else if (keep(entry)) {
      hash.update(`${entry}\0${stat?.isFile() ? stat.size : '-'}\0`);
      if (stat?.isFile()) hash.update(readFileSync(file));
    }
  };
  for (const entry of entries) visit(entry);
  return hash.digest('hex');
}

/**
 * Remembers the last success of one piece of work.
 * @param {string} file
 * @returns {{ matches(value: string): boolean, set(value: string): void }}
 */
export function stampFile(file) {
  return {
    matches(value) {
      try {
        return readFileSync(file, 'utf8') === value;
      } catch (error) {
        if (error.code === 'ENOENT') return false;
        throw error;
      }
    },
    set(value) {
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(`${file}.new`, value);
      renameSync(`${file}.new`, file);
    },
  };
}
