import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { eventually, natsServerProgram } from '@bkg/sdk/testing';
import { freePorts } from '../src/up/ports.ts';
import { readUpRecord } from '../src/up/up-record.ts';
import type { PartName, UpRecord } from '../src/up/up-record.ts';

const fakeMesh = path.join(import.meta.dirname, 'fixtures/up.ts');
const builtProgram = path.join(import.meta.dirname, '../dist/main.js');

/** A home of its own on free ports; disposing ends whatever still runs in it. */
export async function testHome(): Promise<TestHome> {
  const home = new TestHome(mkdtempSync(path.join(tmpdir(), 'bkg-cli-')));
  await home.changePorts('port', 'busPort');
  return home;
}

export class TestHome {
  readonly dir: string;
  port = 0;
  busPort = 0;
  readonly #ups: Up[] = [];

  constructor(dir: string) {
    this.dir = dir;
  }

  /** Takes other ports. */
  async changePorts(...which: ('port' | 'busPort')[]): Promise<void> {
    const ports = await freePorts(...which.map(() => '127.0.0.1'));
    which.forEach((name, i) => (this[name] = ports[i] ?? 0));
  }

  /** Starts `bkg up` with the fakes, or `command`. */
  up(env: NodeJS.ProcessEnv = {}, command = [fakeMesh]): Up {
    const up = new Up(command, {
      ...process.env,
      BKG_HOME: this.dir,
      BKG_PORT: String(this.port),
      BKG_PLUGIN_BUS_PORT: String(this.busPort),
      BKG_NATS_SERVER: natsServerProgram(),
      // Most tests are about something else than who may do what; those that are unset it.
      BKG_NO_AUTH: '1',
      ...env,
    });
    this.#ups.push(up);
    return up;
  }

  /** Starts it and waits until it is up. */
  async running(env: NodeJS.ProcessEnv = {}): Promise<Up> {
    const up = this.up(env);
    await up.said('bkg is up');
    return up;
  }

  /** The same with the real supervisor and gateway, as they were built. */
  async runningMesh(env: NodeJS.ProcessEnv = {}): Promise<Up> {
    const up = this.up(env, [builtProgram, 'up']);
    await up.said('bkg is up');
    return up;
  }

  file(...names: string[]): string {
    return path.join(this.dir, ...names);
  }

  read(...names: string[]): string {
    const file = this.file(...names);
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }

  /** Tells the fakes what to do; see fixtures/orders.mjs. */
  order(orders: object): void {
    writeFileSync(this.file('orders.json'), JSON.stringify(orders));
  }

  /** What the fakes noted. */
  notes(): string[] {
    return this.read('notes.txt').split('\n').filter(Boolean);
  }

  record(): UpRecord {
    const record = readUpRecord(this.file('run', 'up.json'));
    if (!record) throw new Error('there is no run/up.json');
    return record;
  }

  pid(part: PartName): number {
    const pid = this.record().parts[part]?.pid;
    if (!pid) throw new Error(`${part} is not in run/up.json`);
    return pid;
  }

  /** Every process with this home in its environment. */
  processes(): number[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .filter((pid) => environmentOf(pid).includes(`BKG_HOME=${this.dir}`))
      .map(Number);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const up of this.#ups) up.child.kill('SIGKILL');
    await Promise.all(this.#ups.map((up) => up.ended));
    await eventually(() => {
      for (const pid of this.processes()) process.kill(pid, 'SIGKILL');
      return this.processes().length === 0;
    });
    rmSync(this.dir, { recursive: true, force: true });
  }
}

export class Up {
  readonly child: ChildProcess;
  /** The exit code. */
  readonly ended: Promise<number | null>;
  output = '';

  constructor(command: readonly string[], env: NodeJS.ProcessEnv) {
    this.child = spawn(process.execPath, command, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.child.stdout, this.child.stderr])
      stream?.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    this.ended = new Promise((resolve) => this.child.once('close', resolve));
  }

  get lines(): string[] {
    return this.output.split('\n').filter(Boolean);
  }

  /** Waits until it has printed that, and fails with all that it printed. */
  async said(text: string | RegExp, withinMs = 60_000): Promise<void> {
    const isSaid = (): boolean =>
      typeof text === 'string' ? this.output.includes(text) : text.test(this.output);
    try {
      await eventually(() => isSaid() || this.child.exitCode !== null, { withinMs });
    } catch {
      // Told below.
    }
    if (!isSaid()) throw new Error(`bkg up did not say ${String(text)}, but:\n${this.output}`);
  }

  async stop(name: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    this.child.kill(name);
    return this.ended;
  }
}

function environmentOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  } catch {
    return [];
  }
}
