import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

/** User ids that are given to plugins; the group of each has the same number. The last is for trials. */
const first = 50_000;
const count = 9_999;
export const trialUser = first + count;

/**
 * The user ids of a home's plugins. Whom `data/<plugin>` belongs to is the record of it: read once, because there may be a
 * thousand, and each is asked for one when it is launched.
 */
export class UserIds {
  readonly #data: string;
  readonly #home: string;
  /** Plugins by the id that their data belongs to: several after a folder was copied. */
  #holders: Map<number, Set<string>> | undefined;

  /** @param data the folder of all plugins' folders */
  constructor(data: string, home: string) {
    this.#data = data;
    this.#home = home;
  }

  /** One without a record is given an id that no other plugin of this home has, and no list of users of this machine. */
  of(pluginId: string): number {
    const holders = (this.#holders ??= readHolders(this.#data));
    const owned = ownerOf(path.join(this.#data, pluginId));
    const owners = owned === undefined ? undefined : holders.get(owned);
    // A folder that was copied is not its owner's.
    const isOwn = owned !== undefined && [...(owners ?? [])].every((one) => one === pluginId);
    if (!isOwn) owners?.delete(pluginId);
    const id = isOwn ? owned : this.#free(pluginId, holders);
    holders.set(id, new Set([pluginId]));
    return id;
  }

  #free(pluginId: string, holders: ReadonlyMap<number, unknown>): number {
    const taken = new Set([...holders.keys(), ...listed('/etc/passwd'), ...listed('/etc/group')]);
    const start = createHash('sha256').update(`${this.#home}\0${pluginId}`).digest().readUInt32BE() % count;
    for (let step = 0; step < count; step++) {
      const id = first + ((start + step) % count);
      if (!taken.has(id)) return id;
    }
    throw new Error(`the user ids ${first} to ${first + count - 1} are all taken`);
  }
}

/** Whether a folder of data belongs to a plugin's user. */
export function isGiven(dataDir: string): boolean {
  return ownerOf(dataDir) !== undefined;
}

function readHolders(data: string): Map<number, Set<string>> {
  const holders = new Map<number, Set<string>>();
  for (const name of readdirSync(data)) {
    const owner = ownerOf(path.join(data, name));
    if (owner !== undefined) holders.set(owner, (holders.get(owner) ?? new Set()).add(name));
  }
  return holders;
}

function ownerOf(folder: string): number | undefined {
  const uid = statSync(folder, { throwIfNoEntry: false })?.uid;
  return uid !== undefined && uid >= first && uid < first + count ? uid : undefined;
}

/** Of `name:password:id:…`. */
function listed(file: string): number[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => Number(line.split(':')[2]));
}
