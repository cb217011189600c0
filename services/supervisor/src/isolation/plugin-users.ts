import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  lchownSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
} from 'node:fs';
import path from 'node:path';

/** User ids that are given to plugins; the group of each has the same number. The last is for trials. */
const first = 50_000;
const count = 9_999;
export const trialUser = first + count;

const entriesMost = 200_000;

/**
 * The user id of a plugin. Whom `data/<plugin>` belongs to is the record of it; a plugin without one is given one that
 * no other plugin of this home has, and that stands in no list of users of this machine.
 * @param data the folder of all plugins' folders
 */
export function userOf(pluginId: string, data: string, home: string): number {
  const owned = ownerOf(path.join(data, pluginId));
  const others = readdirSync(data).filter((name) => name !== pluginId);
  const owners = others.flatMap((name) => ownerOf(path.join(data, name)) ?? []);
  // A folder that was copied is not its owner's.
  if (owned !== undefined && !owners.includes(owned)) return owned;
  const taken = new Set([...owners, ...listed('/etc/passwd'), ...listed('/etc/group')]);
  const start = createHash('sha256').update(`${home}\0${pluginId}`).digest().readUInt32BE() % count;
  for (let step = 0; step < count; step++) {
    const id = first + ((start + step) % count);
    if (!taken.has(id)) return id;
  }
  throw new Error(`the user ids ${first} to ${first + count - 1} are all taken`);
}

/**
 * Gives a plugin's data to its user, and takes it from everybody else. @throws Error when there is too much of it; what
 * the system says
 */
export function giveData(dataDir: string, user: number): void {
  const top = realpathSync(dataDir);
  if (statSync(top).uid !== user) giveTree(top, user);
  if ((statSync(top).mode & 0o7777) !== 0o700) chmodSync(top, 0o700);
}

/** The plugin runs as we are, perhaps without the right to read what is another's. @throws as `giveData` */
export function takeData(dataDir: string): void {
  const top = realpathSync(dataDir);
  if (isGiven(top)) giveTree(top, process.getuid?.() ?? 0);
}

/** The folder itself last: as long as it is not that user's, all is done again. */
function giveTree(top: string, user: number): void {
  const folders = [top];
  let entries = 0;
  for (const folder of folders) {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (++entries > entriesMost)
        throw new Error(
          `${top} holds more than ${entriesMost} files: give them away with chown -hR ${user}:${user}`,
        );
      const file = path.join(folder, entry.name);
      // A link is given away itself, and never what it leads to.
      lchownSync(file, user, user);
      if (entry.isDirectory()) folders.push(file);
    }
  }
  lchownSync(top, user, user);
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

/** Whether a folder of data belongs to a plugin's user. */
export function isGiven(dataDir: string): boolean {
  return ownerOf(dataDir) !== undefined;
}

function ownerOf(folder: string): number | undefined {
  if (!existsSync(folder)) return undefined;
  const { uid } = statSync(folder);
  return uid >= first && uid < first + count ? uid : undefined;
}

/** Of `name:password:id:…`. */
function listed(file: string): number[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => Number(line.split(':')[2]));
}
