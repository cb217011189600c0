import { cpSync } from 'node:fs';
import path from 'node:path';
import { MeshFolders } from '../bench/mesh-folders.ts';

/** `target` is sent everything; `steady` is invoked as it should be meanwhile; `spare` may be ordered about. */
export const pluginIds = ['target', 'steady', 'spare'] as const;

const program = path.join(import.meta.dirname, 'plugins/target.ts');
const diagnosis = path.join(import.meta.dirname, '../soak/plugins/diagnosis.mjs');

export class Folders extends MeshFolders {
  constructor() {
    super('fuzz');
    for (const id of pluginIds) this.#add(id);
  }

  #add(id: (typeof pluginIds)[number]): void {
    const manifest = {
      id,
      version: '1.0.0',
      command: ['node', 'target.ts'],
      autostart: true,
      // Others may use the machine.
      start_timeout_secs: 120,
      config: { resources: { timeout_secs: 5, max_cpu_percent: 400 } },
    };
    this.addPlugin(manifest, (folder) => {
      cpSync(program, path.join(folder, 'target.ts'));
      cpSync(diagnosis, path.join(folder, 'diagnosis.mjs'));
    });
  }
}
