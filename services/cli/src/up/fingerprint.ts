import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { projectFolder } from '../project.ts';

/**
 * A hash over everything that decides what a process is, to tell whether one that still runs is the one that would be
 * started now.
 */
export function fingerprint(...decisive: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(decisive)).digest('hex').slice(0, 32);
}

/**
 * The same over a program's build: contents and not times, because building again what has not changed must not
 * restart a mesh. The packages count by the lockfile.
 * @param main the program's first file; all that lies in its folder belongs to it, as does the SDK
 */
export function buildFingerprint(main: string): string {
  const hash = createHash('sha256');
  hash.update(`${process.version}\0`).update(readOrNothing(path.join(projectFolder, 'pnpm-lock.yaml')));
  for (const dir of [path.dirname(main), path.join(projectFolder, 'plugins/sdk/dist')])
    for (const file of codeIn(dir)) hash.update(`${path.relative(dir, file)}\0`).update(readOrNothing(file));
  return hash.digest('hex');
}

function codeIn(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.m?js$/.test(entry.name))
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort();
}

/** A build that goes on at this moment may take a file away; then the hash differs, as it should. */
function readOrNothing(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch {
    return Buffer.alloc(0);
  }
}
