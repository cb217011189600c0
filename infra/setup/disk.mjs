import fs from 'node:fs';
import { Failure } from './failure.mjs';

/**
 * Says so before minutes of downloading, instead of after them.
 * @param {string} dir  an existing folder on the disk in question
 * @param {number} neededBytes
 * @param {string} purpose  e.g. "the tests"
 */
export function needSpace(dir, neededBytes, purpose) {
  // Node 18.0 to 18.14 cannot ask; there the failure comes as ENOSPC.
  if (!fs.statfsSync) return;
  const { bavail, bsize } = fs.statfsSync(dir);
  const freeBytes = bavail * bsize;
  if (freeBytes >= neededBytes) return;
  throw new Failure(
    `${dir} has ${gib(freeBytes)} of free disk space; ${gib(neededBytes)} are needed for ${purpose}.`,
    'free some space, or put the checkout on a larger disk (BKG_HOME moves the tools and the data, not the packages).',
  );
}

const gib = (bytes) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
