import {
  chmodSync,
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
import { pluginIds } from './plan.ts';
import type { PluginId } from './plan.ts';

const project = path.join(import.meta.dirname, '../..');
const programs = path.join(import.meta.dirname, 'plugins');
const withoutSdk = path.join(project, 'plugins/sdk/examples/javascript');

export const wire = path.join(programs, 'wire.mjs');
/** Of `echo` and `writer`, which are swapped. */
export const versions = ['1.0.0', '1.1.0'] as const;
export const replicasOfEcho = 2;

/** A place of its own for a mesh and its plugins. */
export class Folders implements Disposable {
  readonly root = mkdtempSync(path.join(tmpdir(), 'bkg-chaos-'));
  readonly home = path.join(this.root, 'home');
  /** For BKG_PLUGINS_PATH. */
  readonly plugins = path.join(this.root, 'plugins');
  readonly #starts = path.join(this.root, 'starts');
  /** Set to leave everything there for who wants to know why. */
  isKept = false;

  constructor() {
    // Plugins may run under users of their own, who must get to their folders.
    chmodSync(this.root, 0o711);
    for (const folder of [this.plugins, this.#starts]) mkdirSync(folder);
    // Where a program in `plugins` looks for packages.
    mkdirSync(path.join(this.root, 'node_modules/@bkg'), { recursive: true });
    const sdk = path.join(path.dirname(fileURLToPath(import.meta.resolve('@bkg/sdk'))), '..');
    symlinkSync(sdk, path.join(this.root, 'node_modules/@bkg/sdk'));
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

  [Symbol.dispose](): void {
    if (!this.isKept) rmSync(this.root, { recursive: true, force: true });
  }

  #add(id: PluginId, version: string, relays: string): void {
    const folder = path.join(this.plugins, `${id}-${version}`);
    const isPlain = id === 'plain';
    const main = isPlain ? 'main.mjs' : 'main.ts';
    if (isPlain) cpSync(withoutSdk, folder, { recursive: true });
    else mkdirSync(folder);
    cpSync(path.join(programs, isPlain ? 'plain.mjs' : 'worker.ts'), path.join(folder, main));
    cpSync(wire, path.join(folder, 'wire.mjs'));
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
    writeFileSync(path.join(folder, 'plugin.json'), JSON.stringify(manifest));
  }
}
