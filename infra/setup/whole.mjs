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
  makeFolder(path.dirname(target));
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

/**
 * Removes what killed set-ups left in a folder of tools.
 * @param {string} tools  with the folders of `placeWhole` in it, or one level below
 */
export function removeLeftovers(tools) {
  const folders = readdirSync(tools, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  for (const { name } of folders) {
    const dir = path.join(tools, name);
    if (isLeftover(name)) remove(dir);
    else for (const inner of readdirSync(dir).filter(isLeftover)) remove(path.join(dir, inner));
  }
}

function isLeftover(name) {
  const pid = Number(name.split(mark)[1]?.split('-')[0]);
  return Boolean(pid) && !isAlive(pid);
}

function remove(dir) {
  try {
    rmSync(dir, { recursive: true, force: true });
  } catch (error) {
    // A download that outlived its set-up still writes there; the next set-up finds the folder again.
    if (!['ENOTEMPTY', 'EBUSY', 'EPERM'].includes(error.code)) throw error;
  }
}
