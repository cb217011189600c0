import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { chmodSync, closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Manifest } from '@bkg/sdk';
import { createToken } from '@bkg/sdk';
import { eventually, TestServer } from '@bkg/sdk/testing';
import type { Timings } from '../src/timings.ts';
import { fixture, Mesh, quick } from './mesh.ts';

/** A line of the supervisor's own log. */
export interface Said {
  level: string;
  message: string;
  plugin_id?: string;
  error?: { code?: string; message?: string };
}

export interface ProgramOptions {
  timings?: Partial<Timings>;
  /** What it is started by, such as `prlimit` with its arguments. @default nothing */
  by?: readonly string[];
}

/** A supervisor as a process of its own, which can die; its log lies in the home, as with `bkg up`. */
export class SupervisorProgram {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  readonly #log: string;

  /** Starts it and waits until it answers. */
  static async start(mesh: Mesh, options: ProgramOptions = {}): Promise<SupervisorProgram> {
    const program = new SupervisorProgram(mesh, options);
    // The first may still be sent to the one before it.
    await eventually(
      () => program.child.exitCode === null && mesh.ask('bkg.registry.list', '', 500).then(() => true),
      { withinMs: 20_000 },
    ).catch((error: unknown) => {
      throw new Error(`the supervisor does not answer:\n${program.#output}`, { cause: error });
    });
    return program;
  }

  constructor({ home, plugins, server }: Mesh, { timings = {}, by = [] }: ProgramOptions) {
    mkdirSync(path.join(home, 'logs'), { recursive: true });
    this.#log = path.join(home, 'logs/supervisor.log');
    const output = openSync(this.#log, 'a');
    const [command = '', ...args] = [...by, process.execPath, fixture('supervisor.mjs')];
    this.child = spawn(command, args, {
      env: {
        PATH: process.env['PATH'],
        BKG_HOME: home,
        BKG_NATS_URL: server.url,
        BKG_CREDENTIALS_FILE: server.credentialsFile,
        PLUGIN_FOLDER: plugins,
        TIMINGS: JSON.stringify({ ...quick, ...timings }),
      },
      stdio: ['ignore', output, output],
    });
    closeSync(output);
    this.ended = new Promise((resolve) => this.child.once('close', resolve));
  }

  /** All that it and those before it have said; what is no whole line of a log, such as a crash, as a message of no level. */
  get said(): Said[] {
    return this.#output
      .split('\n')
      .filter(Boolean)
      .map((line) => saidIn(line));
  }

  /** How often it has said that. */
  count(words: RegExp): number {
    return this.said.filter(({ message }) => words.test(message)).length;
  }

  get #output(): string {
    return readFileSync(this.#log, 'utf8');
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }
}

function saidIn(line: string): Said {
  try {
    return JSON.parse(line) as Said;
  } catch {
    return { level: '', message: line };
  }
}

/**
 * A mesh whose broker is configured as `bkg up` does it and keeps what is wanted in the home: all that outlives its
 * processes lies there. No supervisor runs yet.
 * @param prepare may make the home another file system before anything is written there
 */
export async function mortalMesh(
  manifests: readonly Manifest[],
  prepare: (home: string) => void = () => undefined,
): Promise<Mesh> {
  const folder = mkdtempSync(path.join(tmpdir(), 'bkg-mortal-'));
  // Plugins run under users of their own, who must get to their data.
  chmodSync(folder, 0o711);
  const credentials = { user: 'bkg', password: createToken() };
  const server = new TestServer(path.join(folder, 'nats'), credentials);
  const mesh = new Mesh(server, folder);
  mkdirSync(path.join(folder, 'nats'));
  writeFileSync(server.credentialsFile, JSON.stringify(credentials), { mode: 0o600 });
  const storeFolder = path.join(mesh.home, 'nats');
  mkdirSync(mesh.home);
  prepare(mesh.home);
  mkdirSync(storeFolder);
  const config = `jetstream {
    store_dir: ${JSON.stringify(storeFolder)}
    sync_interval: always
    max_memory_store: 256MB
    max_file_store: 4GB
  }`;
  await server.start({ jetstream: false, config });
  mesh.caller = await server.connect('caller');
  for (const one of manifests) mesh.write(one);
  return mesh;
}
