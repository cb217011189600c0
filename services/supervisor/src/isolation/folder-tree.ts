import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync } from 'node:fs';
import path from 'node:path';

interface Folder {
  path: string;
  /** Which one was found there: device and number. */
  identity: string;
}

/**
 * All that is below a folder, those that contain others before what they contain. Somebody may still write there: each folder
 * is held open while it is looked at, by a name that a link cannot be put in the place of.
 * @param take is given such a name
 * @throws Error when a folder was replaced meanwhile; what the system says; what `take` throws
 */
export function eachBelow(top: string, take: (file: string, isFolder: boolean) => void): void {
  const folders: Folder[] = [{ path: top, identity: identityOf(lstatSync(top)) }];
  for (const folder of folders) {
    const fd = openSync(folder.path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    try {
      if (identityOf(fstatSync(fd)) !== folder.identity)
        throw new Error(`${folder.path} was replaced while it was looked at`);
      const held = `/proc/self/fd/${fd}`;
      for (const entry of readdirSync(held, { withFileTypes: true })) {
        const file = `${held}/${entry.name}`;
        if (entry.isDirectory())
          folders.push({ path: path.join(folder.path, entry.name), identity: identityOf(lstatSync(file)) });
        take(file, entry.isDirectory());
      }
    } finally {
      closeSync(fd);
    }
  }
}

function identityOf({ dev, ino }: { dev: number; ino: number }): string {
  return `${dev} ${ino}`;
}
