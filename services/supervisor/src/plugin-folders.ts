import { createHash } from 'node:crypto';
import path from 'node:path';
import { isOwnPluginId, pluginIdProblem } from '@bkg/sdk';
import type { Logger, Manifest } from '@bkg/sdk';
import { now } from './clock.ts';
import { lastChange } from './last-change.ts';
import { manifestFile, readManifestFile, signatureOf } from './manifest-file.ts';
import type { ManifestReading } from './manifest.ts';
import { PluginPlaces } from './plugin-places.ts';
import { programFile, programPath } from './program-file.ts';
import { SayOnce } from './say-once.ts';

/** A folder with the code of a plugin. */
export interface PluginSource {
  id: string;
  folder: string;
  manifest?: Manifest;
  /** As its manifest says it, or said it before that was broken. */
  version?: string;
  /** Why it cannot be started. */
  problem?: string;
  /** It lies in the project's own folder of plugins. */
  isOurs?: true;
}

export interface PluginFoldersOptions {
  /**
   * Each subfolder with a `plugin.json` is a plugin. Several with the same id are versions of it; of two with the same
   * version the one in the earlier of these counts.
   */
  parents: readonly string[];
  /** The one of these that is the project's own: the ids of bkg's own plugins are for what lies there. */
  ownParent?: string;
  /** How long nothing in a folder may have changed before it counts. */
  settleMs: number;
  /** How long a folder may be written to before that is shown. @default 10000 */
  patienceMs?: number;
  log: Logger;
  /** Whether a process of the plugin runs: then it may be the one that writes into the folder. */
  isRunning?: (id: string) => boolean;
}

export interface Scan {
  /** By id; of several folders with one the first choice. */
  sources: Map<string, PluginSource>;
  /** The other folders with the id of a plugin, the next choice first. */
  others: Map<string, PluginSource[]>;
  /** Plugins that have a folder which does not count yet: they have not gone. */
  coming: Set<string>;
  /** Something could not be read: what was not found may be there all the same. */
  isBlind: boolean;
  /** A folder is being written to: look again soon. */
  unsettled: boolean;
}

type Reading = ManifestReading & { manifest?: Manifest; version?: string; problem?: string };

interface Read {
  /** Changes when plugin.json or the program does. */
  signature: string;
  reading: Reading;
}

const defaultPatienceMs = 10_000;

/** The plugins that lie on this machine. */
export class PluginFolders {
  readonly #options: PluginFoldersOptions;
  readonly #read = new Map<string, Read>();
  /** Folders that are being written to, since when. */
  readonly #restless = new Map<string, number>();
  readonly #said: SayOnce;
  readonly #places: PluginPlaces;

  constructor(options: PluginFoldersOptions) {
    this.#options = options;
    this.#said = new SayOnce(options.log);
    this.#places = new PluginPlaces(options.parents, this.#said);
  }

  /** One look: cheap while nothing changes, two `stat` for each folder. */
  async scan(): Promise<Scan> {
    const scan: Scan = {
      sources: new Map(),
      others: new Map(),
      coming: new Set(),
      isBlind: false,
      unsettled: false,
    };
    const nameless: [folder: string, problem: string][] = [];
    const present = new Set<string>();
    for (const { folder, isBlind } of await this.#places.folders([...this.#read.keys()])) {
      scan.isBlind ||= isBlind;
      if (folder === undefined) continue;
      const signature = await this.#signature(folder);
      if (signature === undefined) continue;
      present.add(folder);
      const reading = await this.#look(folder, signature, scan);
      if (!reading) continue;
      const id = idOf(reading);
      if (id) this.#addKnown(scan, { ...reading, id, folder });
      else if ('problem' in reading) nameless.push([folder, reading.problem ?? '']);
    }
    for (const [folder, problem] of nameless) this.#addNameless(scan, folder, problem);
    for (const folders of [this.#read, this.#restless]) {
      for (const folder of folders.keys()) if (!present.has(folder)) folders.delete(folder);
    }
    return scan;
  }

  /** @returns what counts of a folder that has a plugin.json; undefined when nothing does yet */
  async #look(folder: string, signature: string, scan: Scan): Promise<Reading | undefined> {
    const read = this.#read.get(folder);
    if (read?.signature === signature) return read.reading;
    const restlessness = await this.#restlessness(folder);
    if (restlessness === undefined) return this.#readFolder(folder);
    scan.unsettled = true;
    const since = this.#restless.get(folder) ?? now();
    this.#restless.set(folder, since);
    const { patienceMs = defaultPatienceMs, isRunning = () => false } = this.#options;
    const isLasting = now() - since >= patienceMs;
    // Under the name it has, or will have.
    const reading = read?.reading ?? this.#named(folder, await readManifestFile(manifestFile(folder)));
    const id = idOf(reading);
    if (isLasting && id && isRunning(id)) return this.#readFolder(folder);
    if (read) return read.reading;
    if (!isLasting) {
      if (id) scan.coming.add(id);
      return undefined;
    }
    return id ? { id, problem: `its folder is not complete yet: ${restlessness}` } : reading;
  }

  async #readFolder(folder: string): Promise<Reading> {
    this.#restless.delete(folder);
    // Before it is read: what changes meanwhile is read again.
    const own = await signatureOf(manifestFile(folder));
    const reading: Reading = this.#named(folder, await readManifestFile(manifestFile(folder)));
    const program = await signatureOfProgram(folder, reading);
    this.#read.set(folder, { signature: `${own} ${program}`, reading });
    if (reading.manifest && program === 'missing') {
      const file = programFile(reading.manifest);
      reading.problem = `its folder is not complete: "command" of plugin.json names ${file}, which is not there`;
    }
    return reading;
  }

  /** A file that was a plugin's a moment ago is still its own, whatever became of it; otherwise the folder's name tells. */
  #named(folder: string, reading: ManifestReading): Reading {
    if ('manifest' in reading) return { ...reading, version: reading.manifest.version };
    const before = this.#read.get(folder)?.reading;
    const version = before?.version;
    const id = reading.id ?? (before && idOf(before)) ?? idOfFolder(folder);
    return { ...reading, ...(id !== undefined && { id }), ...(version !== undefined && { version }) };
  }

  /** Undefined when there is no plugin.json. */
  async #signature(folder: string): Promise<string | undefined> {
    const own = await signatureOf(manifestFile(folder));
    const reading = this.#read.get(folder)?.reading;
    return own && `${own} ${reading ? await signatureOfProgram(folder, reading) : ''}`;
  }

  /** What keeps a folder from counting, as a sentence; undefined when nothing in it has changed for long enough. */
  async #restlessness(folder: string): Promise<string | undefined> {
    const { settleMs } = this.#options;
    try {
      const { name, at } = await lastChange(folder, Date.now() - settleMs);
      const ageMs = Date.now() - at;
      // A change in the future is a clock that was set back.
      const isSettled = ageMs >= settleMs || ageMs < -settleMs;
      return isSettled ? undefined : `${name === '.' ? 'it' : name} was written to just now`;
    } catch (error) {
      // Something went while we looked: it is being changed.
      return (error as Error).message;
    }
  }

  #addKnown(scan: Scan, source: PluginSource): void {
    const { id, folder } = source;
    const { ownParent } = this.#options;
    const isOurs = path.dirname(folder) === ownParent;
    if (isOurs || !isOwnPluginId(id)) return this.#add(scan, { ...source, ...(isOurs && { isOurs }) });
    const where = ownParent ?? 'the folder of plugins of bkg, which is not looked through here';
    this.#said.say(`${folder} is left out: the id "${id}" is for a plugin of bkg itself, in ${where}`);
  }

  #add({ sources, others }: Scan, source: PluginSource): void {
    const { id, folder } = source;
    const first = sources.get(id);
    const isMeant =
      !first || (path.dirname(first.folder) === path.dirname(folder) && rank(source) > rank(first));
    if (isMeant) sources.set(id, source);
    if (!first) return;
    const [kept, other] = isMeant ? [source, first] : [first, source];
    others.set(id, [...(others.get(id) ?? []), other]);
    if (kept.version === other.version)
      this.#said.say(
        `${other.folder} is left out: ${kept.folder} has the same plugin id "${id}" and the same version`,
      );
  }

  /** Shown like every other broken one, but never in the place of a plugin. */
  #addNameless({ sources, coming }: Scan, folder: string, problem: string): void {
    const id = idOfNameless(folder);
    if (sources.has(id) || coming.has(id)) {
      this.#said.say(`${folder} is no plugin: ${problem}`);
      return;
    }
    const where = `its folder is ${folder}, of whose name no plugin id can be made`;
    sources.set(id, { id, folder, problem: `${problem}; ${where}` });
  }
}

/** Of an original and its copy the one that is called like the plugin is the original; one that can run comes first. */
function rank({ id, folder, problem }: PluginSource): number {
  return (problem ? 0 : 2) + (path.basename(folder) === id ? 1 : 0);
}

function idOf(reading: ManifestReading): string | undefined {
  return 'manifest' in reading ? reading.manifest.id : reading.id;
}

function idOfFolder(folder: string): string | undefined {
  const name = path.basename(folder);
  return pluginIdProblem(name) ? undefined : name;
}

/** For a folder whose own name is no id: like that name, and with a mark that no other folder has. */
function idOfNameless(folder: string): string {
  const words = path
    .basename(folder)
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9_]+/g, '-')
    .slice(0, 40)
    .replaceAll(/^-+|-+$/g, '');
  const mark = createHash('sha256').update(folder).digest('hex').slice(0, 8);
  return ['broken', ...(words ? [words] : []), mark].join('-');
}

async function signatureOfProgram(folder: string, { manifest }: Reading): Promise<string> {
  const program = manifest && programPath(folder, manifest);
  return program ? ((await signatureOf(program)) ?? 'missing') : '';
}
