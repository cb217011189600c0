import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { MeshFolders } from '../bench/mesh-folders.ts';
import { pluginIds } from './plan.ts';
import type { PluginId } from './plan.ts';

const project = path.join(import.meta.dirname, '../..');
const programs = path.join(import.meta.dirname, 'plugins');
const withoutSdk = path.join(project, 'plugins/sdk/examples/javascript');

export const wire = path.join(programs, 'wire.mjs');
/** Of `echo` and `writer`, which are swapped. */
export const versions = ['1.0.0', '1.1.0'] as const;
export const replicasOfEcho = 2;

export class Folders extends MeshFolders {
  readonly #starts = path.join(this.root, 'starts');

  constructor() {
    super('chaos');
    mkdirSync(this.#starts);
  }

  /** @param relays as `wire.mjs` reads them */
  addPlugins(relays: string): void {
    for (const id of pluginIds) {
      mkdirSync(path.join(this.#starts, id));
      chmodSync(path.join(this.#starts, id), 0o777);
      for (const version of id === 'plain' ? [versions[0]] : versions) this.#add(id, version, relays);
    }
  }

  /** How often each call has been begun, by its number. */
  starts(): Map<number, number> {
    const counts = new Map<number, number>();
    for (const id of pluginIds)
      for (const instance of readdirSync(path.join(this.#starts, id)))
        for (const line of readFileSync(path.join(this.#starts, id, instance), 'utf8').split('\n'))
          if (line !== '') counts.set(Number(line), (counts.get(Number(line)) ?? 0) + 1);
    return counts;
  }

  #add(id: PluginId, version: string, relays: string): void {
    const isPlain = id === 'plain';
    const main = isPlain ? 'main.mjs' : 'main.ts';
    const manifest = {
      id,
      version,
      command: ['node', '--import', './wire.mjs', main],
      autostart: true,
      config: {
        env: { CHAOS_STARTS: path.join(this.#starts, id), CHAOS_RELAYS: relays },
        // An instance that is deaf for longer is killed.
        resources: { timeout_secs: 10 },
        ...(id === 'echo' && { replicas: replicasOfEcho }),
      },
      ...(id === 'writer' && { single_writer: true }),
    };
    const fill = (folder: string): void => {
      if (isPlain) cpSync(withoutSdk, folder, { recursive: true });
      cpSync(path.join(programs, isPlain ? 'plain.mjs' : 'worker.ts'), path.join(folder, main));
      cpSync(wire, path.join(folder, 'wire.mjs'));
    };
    this.addPlugin(manifest, fill, `${id}-${version}`);
  }
}
