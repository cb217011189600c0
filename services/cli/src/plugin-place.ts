import { statfsSync, statSync } from 'node:fs';
import path from 'node:path';
import { explainFile, Failure } from './failure.ts';

const another = 'choose another folder with --in';

/** File systems that are views of the kernel, by the number that Linux gives them. */
const kernelViews: Partial<Record<number, string>> = {
  0x9fa0: 'processes',
  0x62656572: 'devices and drivers',
  0x63677270: 'control groups',
};

/**
 * Looks at the place of a new folder before anything is made: Node tries for ever to make folders below `/proc`.
 * @throws Failure that says what is wrong with it
 */
export function needPlace(parent: string): void {
  const nearest = nearestThere(parent);
  const isPart = nearest !== parent;
  if (!statSync(nearest).isDirectory())
    throw new Failure(
      isPart
        ? `${parent} cannot be made: ${nearest} is no folder but a file.`
        : `${parent} is no folder but a file.`,
      `${another}.`,
    );
  const view = kernelViews[statfsSync(nearest).type];
  if (view)
    throw new Failure(
      `Nothing can be made in ${nearest}, where the system shows its ${view}.`,
      `${another}.`,
    );
}

const remedies: Partial<Record<string, string>> = {
  EACCES: `give yourself write access there, or ${another}.`,
  EPERM: `give yourself write access there, or ${another}.`,
  EROFS: `its file system is read-only: ${another}.`,
  ENOSPC: `the disk is full: free some space, or ${another}.`,
  EDQUOT: `your disk quota is used up: free some space, or ${another}.`,
  EEXIST: `a file stands where a folder is needed: ${another}.`,
  ENOTDIR: `a file stands where a folder is needed: ${another}.`,
  ENOENT: `${another}.`,
  ENAMETOOLONG: `its path is too long: ${another}.`,
  ELOOP: `links lead round in a circle there: ${another}.`,
};

/** An error of the file system as a Failure; anything else comes back as it was. */
export function explainPlace(error: unknown, doing: string): unknown {
  const remedy = remedies[(error as NodeJS.ErrnoException | undefined)?.code ?? ''];
  return remedy
    ? new Failure(`${doing} failed: ${(error as Error).message}.`, remedy, { cause: error })
    : explainFile(error, doing);
}

/** The longest part of a path that is there. */
function nearestThere(folder: string): string {
  for (let part = folder; ; part = path.dirname(part)) {
    try {
      statSync(part);
      return part;
    } catch (error) {
      const isMissing = ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');
      if (!isMissing || part === path.dirname(part)) throw error;
    }
  }
}
