import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Manifest } from '@bkg/sdk';

/** A place of its own for a mesh and its plugins; it goes with everything in it. */
export class MeshFolders implements Disposable {
  readonly root: string;
  /** For BKG_HOME. */
  readonly home: string;
  /** For BKG_PLUGINS_PATH. */
  readonly plugins: string;
  /** Set to leave everything there for who wants to know why. */
  isKept = false;

  /** @param name of who makes it, for who finds it */
  constructor(name: string) {
    this.root = mkdtempSync(path.join(tmpdir(), `bkg-${name}-`));
    this.home = path.join(this.root, 'home');
    this.plugins = path.join(this.root, 'plugins');
    // Plugins may run under users of their own, who must get to their folders.
    chmodSync(this.root, 0o711);
    mkdirSync(this.plugins);
    // Where a program in `plugins` looks for packages.
    mkdirSync(path.join(this.root, 'node_modules/@bkg'), { recursive: true });
    const sdk = path.join(import.meta.dirname, '../../plugins/sdk');
    symlinkSync(sdk, path.join(this.root, 'node_modules/@bkg/sdk'));
  }

  /**
   * @param fill is given the folder, before there is a plugin.json in it: a supervisor starts what has one
   * @param name of the folder
   */
  addPlugin(
    manifest: Manifest,
    fill: (folder: string) => void = () => undefined,
    name: string = manifest.id,
  ): void {
    const folder = path.join(this.plugins, name);
    mkdirSync(folder);
    fill(folder);
    writeFileSync(path.join(folder, 'plugin.json'), JSON.stringify(manifest));
  }

  [Symbol.dispose](): void {
    if (!this.isKept) rmSync(this.root, { recursive: true, force: true });
  }
}
