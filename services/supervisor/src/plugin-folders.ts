import { lstat, readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { pluginIdProblem } from '@bkg/sdk';
import type { Logger } from '@bkg/sdk';
import { readManifest } from './manifest.ts';
import type { Manifest, ManifestReading } from './manifest.ts';

/** A folder with the code of a plugin. */
export interface PluginSource {
  id: string;
  folder: string;
  manifest?: Manifest;
  /** Why there is no manifest. */
  problem?: string;
}

export interface PluginFoldersOptions {
  /** Each subfolder with a `plugin.json` is a plugin. */
  parents: readonly string[];
  /** How long nothing in a folder may have changed before it counts. */
  settleMs: number;
  log: Logger;
}

export interface Scan {
  sources: Map<string, PluginSource>;
  /** A folder is being written to: look again soon. */
  unsettled: boolean;
}

interface Read {
  /** Changes when plugin.json does. */
  signature: string;
  reading: ManifestReading;
}

const manifestMostBytes = 1024 * 1024;

/** The plugins that lie on this machine. */
export class PluginFolders {
  readonly #options: PluginFoldersOptions;
  readonly #read = new Map<string, Read>();
  /** What was said already, so that it is not said at each look. */
  readonly #said = new Set<string>();

  constructor(options: PluginFoldersOptions) {
    this.#options = options;
  }

  /** One look: cheap while nothing changes, a `stat` for each folder. */
  async scan(): Promise<Scan> {
    const sources = new Map<string, PluginSource>();
    const present = new Set<string>();
    let unsettled = false;
    for (const folder of await this.#folders()) {
      const signature = await signatureOf(path.join(folder, 'plugin.json'));
      if (signature === undefined) continue;
      present.add(folder);
      if (this.#read.get(folder)?.signature !== signature) {
        if (await this.#isSettled(folder)) await this.#readFolder(folder, signature);
        else unsettled = true;
      }
      const read = this.#read.get(folder);
      if (read) this.#add(sources, folder, read.reading);
    }
    for (const folder of this.#read.keys()) if (!present.has(folder)) this.#read.delete(folder);
    return { sources, unsettled };
  }

  async #folders(): Promise<string[]> {
    const lists = this.#options.parents.map(async (parent) => {
      try {
        return (await readdir(parent)).sort().map((name) => path.join(parent, name));
      } catch (error) {
        this.#sayOnce(`${parent} cannot be read: ${(error as Error).message}`);
        return [];
      }
    });
    return (await Promise.all(lists)).flat();
  }

  async #readFolder(folder: string, signature: string): Promise<void> {
    const reading = await readManifestFile(path.join(folder, 'plugin.json'));
    const before = this.#read.get(folder)?.reading;
    // A file that was a plugin's a moment ago is still its own, whatever became of it; otherwise the folder's name tells.
    const id = (before && idOf(before)) ?? idOfFolder(folder);
    this.#read.set(folder, { signature, reading: 'problem' in reading && id ? { id, ...reading } : reading });
  }

  #add(sources: Map<string, PluginSource>, folder: string, reading: ManifestReading): void {
    const id = idOf(reading);
    if (!id) {
      if ('problem' in reading) this.#sayOnce(`${folder} is no plugin: ${reading.problem}`);
      return;
    }
    const source = { id, folder, ...reading };
    const other = sources.get(id);
    const isMeant = !other || rank(source) > rank(other);
    if (other) {
      const [kept, left] = isMeant ? [source, other] : [other, source];
      this.#sayOnce(`${left.folder} is left out: ${kept.folder} has the same plugin id "${id}"`);
    }
    if (isMeant) sources.set(id, source);
  }

  /**
   * `ctime`, because copying and unpacking set `mtime` to that of the original. `node_modules` is left out: it is the
   * package manager's, and large.
   */
  async #isSettled(folder: string): Promise<boolean> {
    const { settleMs } = this.#options;
    try {
      const names = (await readdir(folder)).filter((name) => name !== 'node_modules');
      const stats = await Promise.all(['.', ...names].map((name) => lstat(path.join(folder, name))));
      const age = Date.now() - Math.max(...stats.map(({ ctimeMs }) => ctimeMs));
      // A change in the future is a clock that was set back.
      return age >= settleMs || age < -settleMs;
    } catch {
      // Something went while we looked: it is being changed.
      return false;
    }
  }

  #sayOnce(text: string): void {
    if (this.#said.has(text) || this.#said.size > 1_000) return;
    this.#said.add(text);
    this.#options.log.warn(text);
  }
}

/** Of an original and its copy the one that is called like the plugin is the original; one that can run comes first. */
function rank({ id, folder, manifest }: PluginSource): number {
  return (manifest ? 2 : 0) + (path.basename(folder) === id ? 1 : 0);
}

function idOf(reading: ManifestReading): string | undefined {
  return 'manifest' in reading ? reading.manifest.id : reading.id;
}

function idOfFolder(folder: string): string | undefined {
  const name = path.basename(folder);
  return pluginIdProblem(name) ? undefined : name;
}

/** Undefined when there is no such file. */
async function signatureOf(file: string): Promise<string | undefined> {
  try {
    const { ino, size, ctimeMs } = await stat(file);
    return `${ino} ${size} ${ctimeMs}`;
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    // Any other failure is met again, and reported, by who reads the file.
    return code === 'ENOENT' || code === 'ENOTDIR' ? undefined : code;
  }
}

async function readManifestFile(file: string): Promise<ManifestReading> {
  try {
    const stats = await stat(file);
    // Reading a named pipe would wait for somebody to write to it.
    if (!stats.isFile()) return { problem: 'plugin.json is no file' };
    const { size } = stats;
    if (size > manifestMostBytes)
      return { problem: `plugin.json has ${size} bytes, at most ${manifestMostBytes} are read` };
    return readManifest(await readFile(file, 'utf8'));
  } catch (error) {
    return { problem: `plugin.json cannot be read (${(error as Error).message})` };
  }
}
