import { chmodSync, lchownSync, lstatSync, realpathSync, statSync } from 'node:fs';
import { eachBelow } from './folder-tree.ts';
import { isGiven } from './user-ids.ts';

const entriesMost = 200_000;

/**
 * Gives a plugin's data to its user, and takes it from everybody else. @throws Error when there is too much of it; what
 * the system says
 */
export function giveData(dataDir: string, user: number): void {
  const top = realpathSync(dataDir);
  if (statSync(top).uid !== user) giveTree(top, user);
  closeToOthers(top);
}

/** The plugin runs as we are, perhaps without the right to read what is another's. @throws as `giveData` */
export function takeData(dataDir: string): void {
  const top = realpathSync(dataDir);
  if (isGiven(top)) giveTree(top, process.getuid?.() ?? 0);
  closeToOthers(top);
}

/** The folder itself last: as long as it is not that user's, all is done again. */
function giveTree(top: string, user: number): void {
  const from = statSync(top).uid;
  let entries = 0;
  eachBelow(top, (file, isFolder) => {
    if (++entries > entriesMost)
      throw new Error(
        `${top} holds more than ${entriesMost} files: give them away with chown -hR ${user}:${user}`,
      );
    const { uid, nlink } = lstatSync(file);
    // Somebody else's that is called otherwise elsewhere may have been linked into it.
    const isItsOwn = uid === from || nlink === 1 || isFolder;
    // A link is given away itself, and never what it leads to.
    if (uid !== user && isItsOwn) lchownSync(file, user, user);
  });
  lchownSync(top, user, user);
}

function closeToOthers(folder: string): void {
  if ((statSync(folder).mode & 0o7777) !== 0o700) chmodSync(folder, 0o700);
}

/** One that a plugin's user may read, and nobody but us write: a successor of ours reads it again. @throws what the system says */
export function showFile(file: string, user: number): void {
  lchownSync(file, process.getuid?.() ?? 0, user);
  chmodSync(file, 0o640);
}

/** @throws what the system says */
export function giveFile(file: string, user: number): void {
  lchownSync(file, user, user);
  chmodSync(file, 0o600);
}
