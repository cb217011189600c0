import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Manifest } from '@bkg/sdk';
import { createToken } from '@bkg/sdk';
import { eventually, TestServer } from '@bkg/sdk/testing';
import { natsConfig } from '../../cli/src/up/nats-config.ts';
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

/** A supervisor as a process of its own, which can die. */
export class SupervisorProgram {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  #output = '';

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
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.child.stdout, this.child.stderr])
      stream?.on('data', (text: Buffer) => (this.#output += text.toString()));
    this.ended = new Promise((resolve) => this.child.once('close', resolve));
  }

  /** All that it has said so far; what is no line of its log, such as a crash, as an error. */
  get said(): Said[] {
    return this.#output
      .split('\n')
      .filter(Boolean)
      .map((line) => (line.startsWith('{') ? (JSON.parse(line) as Said) : { level: 'crash', message: line }));
  }

  /** How often it has said that. */
  count(words: RegExp): number {
    return this.said.filter(({ message }) => words.test(message)).length;
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
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
  const [config = ''] = /^jetstream \{[^]*?^\}/m.exec(natsConfig({ port: 0, storeFolder, credentials })) ?? [];
  await server.start({ jetstream: false, config });
  mesh.caller = await server.connect('caller');
  for (const one of manifests) mesh.write(one);
  return mesh;
}
