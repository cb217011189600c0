import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Manifest } from '../../src/protocol/index.ts';
import type { TestServer } from '../../src/testing.ts';

export const examplesFolder = path.resolve(import.meta.dirname, '../../examples');

/** Of a managed one. */
export const uploadMostBytes = 2 * 1_048_576;

/** Whether a program is on the PATH and starts. */
export function isThere(program: string, ...args: string[]): boolean {
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0;
}

export function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(path.join(folder, 'plugin.json'), 'utf8')) as Manifest;
}

/** A plugin as a process of its own, started by its plugin.json: as the supervisor does it, or as somebody by hand. */
export class PluginProcess implements AsyncDisposable {
  readonly id: string;
  readonly ended: Promise<number | NodeJS.Signals | null>;
  output = '';
  readonly #child: ChildProcess;
  readonly #data: string;

  /** @param instance makes it a managed one @param isHeld launches it as one that replaces another */
  constructor(
    folder: string,
    server: Pick<TestServer, 'url' | 'credentialsFile'>,
    instance?: string,
    isHeld = false,
  ) {
    const { id, version, command } = readManifest(folder);
    const [program = '', ...args] = command;
    this.id = id;
    this.#data = mkdtempSync(path.join(tmpdir(), 'bkg-example-'));
    const config = path.join(this.#data, 'config.json');
    // So few places that a test can take them all.
    const limits = { max_concurrency: 8, max_queue: 24, max_upload_mb: uploadMostBytes / 1_048_576 };
    writeFileSync(config, JSON.stringify({ id, resources: { timeout_secs: 20 }, limits }));
    this.#child = spawn(program === 'node' ? process.execPath : program, args, {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env['PATH'],
        HOME: this.#data,
        BKG_NATS_URL: server.url,
        BKG_CREDENTIALS_FILE: server.credentialsFile,
        ...(isHeld && { BKG_HOLD: '1' }),
        ...(instance !== undefined && {
          BKG_PLUGIN_ID: id,
          BKG_INSTANCE_ID: instance,
          BKG_VERSION: version,
          BKG_CONFIG_FILE: config,
          BKG_DATA_DIR: this.#data,
        }),
      },
    });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    this.ended = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('close', (code, signal) => resolve(code ?? signal));
    });
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  terminate(): void {
    this.#child.kill('SIGTERM');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
    rmSync(this.#data, { recursive: true, force: true });
  }
}
