import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, constants, existsSync, openSync, readFileSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import path from 'node:path';
import { readCredentials } from '@bkg/sdk';
import type { Credentials } from '@bkg/sdk';
import { eventually, natsServerProgram } from '@bkg/sdk/testing';
import { wire } from './folders.ts';
import type { Folders } from './folders.ts';
import type { Processes } from './processes.ts';
import type { Relay } from './relay.ts';

const project = path.join(import.meta.dirname, '../..');
const program = path.join(project, 'services/cli/dist/main.js');
const startMostMs = 60_000;
/** `bkg up` promises 15 s. */
const stopMostMs = 20_000;
/** Long enough for what was read at the same time to be taken. */
const settleMs = 50;
const keptOutputChars = 16_384;

export interface MeshOptions {
  folders: Pick<Folders, 'root' | 'home' | 'plugins'>;
  httpPort: number;
  busPort: number;
  relays: ReadonlyMap<string, Relay>;
  /** A module that every part loads before its own. @default the one that leads it to its relay */
  preload?: string;
  /** What else stands in its environment. */
  env?: Readonly<Record<string, string>>;
}

export function relayList(relays: ReadonlyMap<string, Relay>): string {
  return [...relays].map(([victim, { port }]) => `${victim}=${port}`).join(',');
}

/** `bkg up`, as anybody starts it; what it prints goes through a pipe that can be left unread. */
export class Mesh {
  readonly url: string;
  readonly busUrl: string;
  readonly #options: MeshOptions;
  readonly #pipe: string;
  readonly #reader: Socket;
  /** Of the pipe's other end, held open: it must not end with a `bkg up`. */
  readonly #writer: number;
  #child: ChildProcess | undefined;
  #output = '';
  #said = '';

  constructor(options: MeshOptions) {
    this.#options = options;
    this.url = `http://127.0.0.1:${options.httpPort}`;
    this.busUrl = `nats://127.0.0.1:${options.busPort}`;
    this.#pipe = path.join(options.folders.root, 'stdout');
    execFileSync('mkfifo', [this.#pipe]);
    // A pipe can only be opened for writing when somebody has it open for reading.
    const handle = openSync(this.#pipe, constants.O_RDONLY | constants.O_NONBLOCK);
    this.#writer = openSync(this.#pipe, constants.O_WRONLY | constants.O_NONBLOCK);
    this.#reader = new Socket({ fd: handle, readable: true, writable: false });
    this.#reader.on('data', (chunk: Buffer) => {
      const text = chunk.toString().replaceAll(filling, '');
      this.#output = (this.#output + text).slice(-keptOutputChars);
      this.#said += text;
    });
  }

  /** BKG_HOME. */
  get home(): string {
    return this.#options.folders.home;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get credentials(): Credentials {
    return readCredentials(path.join(this.#options.folders.home, 'run/credentials.json'));
  }

  /** That of who has started it, made by the first start. */
  get apiKey(): string {
    return readFileSync(path.join(this.#options.folders.home, 'admin.key'), 'utf8').trim();
  }

  /** What goes with every request to the gateway. */
  get headers(): { authorization: string } {
    return { authorization: `Bearer ${this.apiKey}` };
  }

  /** The processes of its parts, as `bkg up` has written them down; none while one takes over from another. */
  get parts(): { [part: string]: number } {
    const file = path.join(this.#options.folders.home, 'run/up.json');
    if (!existsSync(file)) return {};
    const { parts } = JSON.parse(readFileSync(file, 'utf8')) as {
      parts: { [part: string]: { pid: number } };
    };
    return Object.fromEntries(Object.entries(parts).map(([part, { pid }]) => [part, pid]));
  }

  /** @throws Error when it does not come up, with what it printed */
  async start(): Promise<void> {
    if (!existsSync(program)) throw new Error(`${program} is missing: build first (npm run build).`);
    this.begin();
    await eventually(() => !this.isRunning || this.isUp, { withinMs: startMostMs }).catch(() => undefined);
    if (!this.isUp) throw new Error(`bkg up did not come up, and printed:\n${this.#output}`);
  }

  /** Since it was begun last, it has said that it is. */
  get isUp(): boolean {
    return this.#said.includes('bkg is up');
  }

  /** It has ended by itself, and not because somebody has killed it. */
  get hasGivenUp(): boolean {
    return this.#child?.exitCode !== null && this.#child?.exitCode !== undefined;
  }

  /** Starts it, and does not wait. */
  begin(): void {
    const { folders, httpPort, busPort, relays, preload = wire, env = {} } = this.#options;
    const inherited = Object.entries(process.env).filter(
      ([name]) => !/^(BKG_|CHAOS_|npm_|INIT_CWD$|NODE_OPTIONS$|VITEST)/.test(name),
    );
    const natsServer = natsServerProgram();
    this.#said = '';
    const stdout = openSync(this.#pipe, 'w');
    this.#child = spawn(process.execPath, [program, 'up'], {
      env: {
        ...Object.fromEntries(inherited),
        ...env,
        BKG_HOME: folders.home,
        BKG_PORT: String(httpPort),
        BKG_PLUGIN_BUS_PORT: String(busPort),
        // Otherwise it looks on the PATH itself.
        ...(path.isAbsolute(natsServer) && { BKG_NATS_SERVER: natsServer }),
        BKG_PLUGINS_PATH: folders.plugins,
        NODE_OPTIONS: `--import=${preload}`,
        CHAOS_RELAYS: relayList(relays),
      },
      stdio: ['ignore', stdout, stdout],
      // Ctrl-C reaches it through us: twice would kill it.
      detached: true,
    });
    closeSync(stdout);
  }

  /** Reads what it prints no more, and fills the pipe, so that its next line finds no room. */
  async fillStdout(): Promise<void> {
    this.#reader.pause();
    // Paused, it still reads until its own buffer is full.
    for (let filled = 1; filled > 0; await new Promise((resolve) => setTimeout(resolve, settleMs))) {
      filled = 0;
      for (const size of [4_096, 1]) while (fill(this.#writer, size)) filled += size;
    }
  }

  readStdout(): void {
    this.#reader.resume();
  }

  /** As its user would stop it. @returns its exit code, null when it had to be killed */
  async stop(): Promise<number | null> {
    const child = this.#child;
    if (!child || !this.isRunning) return 0;
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), stopMostMs);
    return ended.finally(() => clearTimeout(late));
  }

  /** Ends everything of it at once, whatever state it is in. @param processes all of its own */
  async kill(processes: Pick<Processes, 'living'>): Promise<void> {
    await eventually(
      () => {
        const left = processes.living();
        for (const { pid } of left) sendSignal(pid, 'SIGKILL');
        return left.length === 0;
      },
      { everyMs: 100 },
    );
  }

  close(): void {
    this.#reader.destroy();
    closeSync(this.#writer);
  }

  /** The end of all that it printed. */
  get output(): string {
    return this.#output;
  }
}

/** @returns false when there is no such process any more */
export function sendSignal(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

/** Nothing that anybody prints. */
const filling = '\x00';

function fill(handle: number, size: number): boolean {
  try {
    return writeSync(handle, filling.repeat(size)) > 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return false;
    throw error;
  }
}
