import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { codeOf } from './error-code.ts';
import type { SayOnce } from './say-once.ts';

/** Somebody's whole home is no place with plugins. */
const foldersMost = 1_000;

export interface PlaceEntry {
  /** Undefined when a place holds nothing that is known. */
  folder?: string;
  /** Its place could not be read: what is not found in it may be there all the same. */
  isBlind: boolean;
}

/** Where plugins are looked for: each subfolder of these may be one. */
export class PluginPlaces {
  readonly #parents: readonly string[];
  readonly #said: SayOnce;

  constructor(parents: readonly string[], said: SayOnce) {
    this.#parents = parents;
    this.#said = said;
  }

  /** @param known folders that were found before: a disk that has a bad moment has not lost its plugins */
  async folders(known: readonly string[]): Promise<PlaceEntry[]> {
    const lists = this.#parents.map(async (parent) => {
      try {
        return (await this.#foldersIn(parent)).map((folder) => ({ folder, isBlind: false }));
      } catch (error) {
        this.#said.say(unreadable(parent), (error as Error).message);
        const kept = known.filter((folder) => path.dirname(folder) === parent);
        return [{ isBlind: true }, ...kept.map((folder) => ({ folder, isBlind: true }))];
      }
    });
    return (await Promise.all(lists)).flat();
  }

  /** @throws when it is there and cannot be read */
  async #foldersIn(parent: string): Promise<string[]> {
    let names: string[];
    try {
      names = await readdir(parent);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
      this.#said.say(missing(parent));
      return [];
    }
    for (const text of [missing(parent), unreadable(parent)]) this.#said.unsay(text);
    if (names.includes('plugin.json'))
      this.#said.say(
        `${parent} is a plugin itself: name the folder in which it lies, ${path.dirname(parent)}`,
      );
    if (names.length > foldersMost)
      this.#said.say(
        `${parent} holds ${names.length} files and folders: the first ${foldersMost} are looked at`,
      );
    return names
      .filter((name) => !name.startsWith('.'))
      .sort()
      .slice(0, foldersMost)
      .map((name) => path.join(parent, name));
  }
}

const missing = (parent: string): string =>
  `${parent} does not exist; plugins are looked for in it when it does`;
const unreadable = (parent: string): string => `${parent} cannot be read`;
