import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { capability } from './invocation.ts';

const project = path.join(import.meta.dirname, '../../..');
const programs = path.join(import.meta.dirname, 'plugins');
const withoutSdk = path.join(project, 'plugins/sdk/examples/javascript');

export const versions = ['1.0.0', '1.1.0'] as const;

export interface PluginKind {
  id: string;
  /** Copied from the example that has no SDK. */
  isPlain: boolean;
  isSingleWriter: boolean;
}

/** A place of its own for a mesh and its plugins; it goes with everything in it. */
export class Folders implements Disposable {
  readonly root = mkdtempSync(path.join(tmpdir(), 'bkg-replace-'));
  readonly home = path.join(this.root, 'home');
  /** For BKG_PLUGINS_PATH. */
  readonly plugins = path.join(this.root, 'plugins');

  constructor() {
    mkdirSync(this.plugins);
    // Where a program in `plugins` looks for packages.
    mkdirSync(path.join(this.root, 'node_modules/@bkg'), { recursive: true });
    const sdk = path.join(path.dirname(fileURLToPath(import.meta.resolve('@bkg/sdk'))), '..');
    symlinkSync(sdk, path.join(this.root, 'node_modules/@bkg/sdk'));
  }

  /** A folder for each version. */
  addPlugin(kind: PluginKind): void {
    mkdirSync(this.#starts(kind.id), { recursive: true });
    for (const version of versions) this.#addVersion(kind, version);
  }

  /** What the instances of a plugin have noted, by instance: lines of an id and a time in ms since the epoch. */
  starts(id: string): Map<string, string[]> {
    const folder = this.#starts(id);
    return new Map(
      readdirSync(folder).map((instance) => [
        instance,
        readFileSync(path.join(folder, instance), 'utf8').split('\n').filter(Boolean),
      ]),
    );
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true });
  }

  #starts(id: string): string {
    return path.join(this.root, 'starts', id);
  }

  #addVersion({ id, isPlain, isSingleWriter }: PluginKind, version: string): void {
    const folder = path.join(this.plugins, `${id}-${version}`);
    mkdirSync(folder);
    const main = isPlain ? 'main.mjs' : 'main.ts';
    if (isPlain) cpSync(withoutSdk, folder, { recursive: true });
    cpSync(path.join(programs, isPlain ? 'plain.mjs' : 'steady.ts'), path.join(folder, main));
    const manifest = {
      id,
      version,
      command: ['node', main],
      self_test: { capability, payload: { id: 'self-test', ms: 5 } },
      config: { env: { STARTS_FOLDER: this.#starts(id) } },
      ...(isSingleWriter && { single_writer: true }),
    };
    writeFileSync(path.join(folder, 'plugin.json'), JSON.stringify(manifest));
  }
}
