import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** `target` is sent everything; `steady` is invoked as it should be meanwhile; `spare` may be ordered about. */
export const pluginIds = ['target', 'steady', 'spare'] as const;

const program = path.join(import.meta.dirname, 'plugins/target.ts');
const diagnosis = path.join(import.meta.dirname, '../soak/plugins/diagnosis.mjs');

/** A place of its own for a mesh and its plugins. */
export class Folders implements Disposable {
  readonly root = mkdtempSync(path.join(tmpdir(), 'bkg-fuzz-'));
  readonly home = path.join(this.root, 'home');
  /** For BKG_PLUGINS_PATH. */
  readonly plugins = path.join(this.root, 'plugins');
  /** Set to leave everything there for who wants to know why. */
  isKept = false;

  constructor() {
    // Plugins may run under users of their own, who must get to their folders.
    chmodSync(this.root, 0o711);
    mkdirSync(this.plugins);
    // Where a program in `plugins` looks for packages.
    mkdirSync(path.join(this.root, 'node_modules/@bkg'), { recursive: true });
    const sdk = path.join(path.dirname(fileURLToPath(import.meta.resolve('@bkg/sdk'))), '..');
    symlinkSync(sdk, path.join(this.root, 'node_modules/@bkg/sdk'));
    for (const id of pluginIds) this.#add(id);
  }

  [Symbol.dispose](): void {
    if (!this.isKept) rmSync(this.root, { recursive: true, force: true });
  }

  #add(id: (typeof pluginIds)[number]): void {
    const folder = path.join(this.plugins, id);
    mkdirSync(folder);
    cpSync(program, path.join(folder, 'target.ts'));
    cpSync(diagnosis, path.join(folder, 'diagnosis.mjs'));
    const manifest = {
      id,
      version: '1.0.0',
      command: ['node', 'target.ts'],
      autostart: true,
      // Others may use the machine.
      start_timeout_secs: 120,
      config: { resources: { timeout_secs: 5, max_cpu_percent: 400 } },
    };
    writeFileSync(path.join(folder, 'plugin.json'), JSON.stringify(manifest));
  }
}
