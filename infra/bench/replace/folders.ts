import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { MeshFolders } from '../mesh-folders.ts';
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

export class Folders extends MeshFolders {
  constructor() {
    super('replace');
  }

  /** A folder for each version. */
  addVersions(kind: PluginKind): void {
    mkdirSync(this.#starts(kind.id), { recursive: true });
    // Its instances may run under a user of their own.
    chmodSync(this.#starts(kind.id), 0o777);
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

  #starts(id: string): string {
    return path.join(this.root, 'starts', id);
  }

  #addVersion({ id, isPlain, isSingleWriter }: PluginKind, version: string): void {
    const main = isPlain ? 'main.mjs' : 'main.ts';
    const manifest = {
      id,
      version,
      command: ['node', main],
      self_test: { capability, payload: { id: 'self-test', ms: 5 } },
      config: { env: { STARTS_FOLDER: this.#starts(id) } },
      ...(isSingleWriter && { single_writer: true }),
    };
    const fill = (folder: string): void => {
      if (isPlain) cpSync(withoutSdk, folder, { recursive: true });
      cpSync(path.join(programs, isPlain ? 'plain.mjs' : 'steady.ts'), path.join(folder, main));
    };
    this.addPlugin(manifest, fill, `${id}-${version}`);
  }
}
