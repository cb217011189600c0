import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { explainFile } from './failure.mjs';
import { makeFolder } from './place.mjs';
import { isAlive } from './process-identity.mjs';

const mark = '.partial-';

/**
 * Fills a folder beside `target` and renames it into place, so that half a download is never taken for a whole one.
 * `fill` must check what it fetched before it returns. When another process was faster, its folder stays.
 * @param {string} target
 * @param {(partial: string) => Promise<void>} fill
 */
export async function placeWhole(target, fill) {
  const parent = path.dirname(target);
  makeFolder(parent);
  sweep(parent);
  const partial = `${target}${mark}${process.pid}-${randomBytes(4).toString('hex')}`;
  try {
    mkdirSync(partial);
    await fill(partial);
    rename(partial, target);
  } catch (error) {
    throw explainFile(error, `filling ${target}`);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

function rename(partial, target) {
  try {
    renameSync(partial, target);
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST', 'EPERM'].includes(error.code) || !existsSync(target)) throw error;
  }
}

/** Removes what killed set-ups left. */
function sweep(parent) {
  for (const name of readdirSync(parent)) {
    const pid = Number(name.split(mark)[1]?.split('-')[0]);
    if (pid && pid !== process.pid && !isAlive(pid))
      rmSync(path.join(parent, name), { recursive: true, force: true });
  }
}
