import { cpSync } from 'node:fs';
import path from 'node:path';
import { MeshFolders } from '../bench/mesh-folders.ts';

/** `shaken` has two instances, which are killed and swapped; those of `steady` live as long as everything. */
export const plugins = { shaken: { replicas: 2, other: 'steady' }, steady: { replicas: 1, other: 'shaken' } };
export type PluginId = keyof typeof plugins;
export const pluginIds = Object.keys(plugins) as PluginId[];
/** Of `shaken`, which is swapped. */
export const versions = ['1.0.0', '1.1.0'] as const;

const programs = path.join(import.meta.dirname, 'plugins');

export class Folders extends MeshFolders {
  constructor() {
    super('soak');
    for (const id of pluginIds)
      for (const version of id === 'shaken' ? versions : [versions[0]]) this.#add(id, version);
  }

  #add(id: PluginId, version: string): void {
    const { replicas, other } = plugins[id];
    const manifest = {
      id,
      version,
      command: ['node', 'soaked.ts'],
      autostart: true,
      needs: [`${other}:words`],
      config: {
        replicas,
        env: { SOAK_OTHER: other },
        resources: { timeout_secs: 20 },
        limits: { max_concurrency: 256, max_queue: 256 },
      },
    };
    const fill = (folder: string): void => cpSync(programs, folder, { recursive: true });
    this.addPlugin(manifest, fill, `${id}-${version}`);
  }
}
