import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** `shaken` has two instances, which are killed and swapped; those of `steady` live as long as everything. */
export const plugins = { shaken: { replicas: 2, other: 'steady' }, steady: { replicas: 1, other: 'shaken' } };
export type PluginId = keyof typeof plugins;
export const pluginIds = Object.keys(plugins) as PluginId[];
/** Of `shaken`, which is swapped. */
export const versions = ['1.0.0', '1.1.0'] as const;

const programs = path.join(import.meta.dirname, 'plugins');

/** A place of its own for a mesh and its plugins. */
export class Folders implements Disposable {
  readonly root = mkdtempSync(path.join(tmpdir(), 'bkg-soak-'));
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
    for (const id of pluginIds)
      for (const version of id === 'shaken' ? versions : [versions[0]]) this.#add(id, version);
  }

  [Symbol.dispose](): void {
    if (!this.isKept) rmSync(this.root, { recursive: true, force: true });
  }

  #add(id: PluginId, version: string): void {
    const folder = path.join(this.plugins, `${id}-${version}`);
    const { replicas, other } = plugins[id];
    cpSync(programs, folder, { recursive: true });
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
    writeFileSync(path.join(folder, 'plugin.json'), JSON.stringify(manifest));
  }
}
