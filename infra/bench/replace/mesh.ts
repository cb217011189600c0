import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { connect, createLogger, readCredentials, subjects } from '@bkg/sdk';
import type { Connection, Credentials, PluginInfo, Problem, StatusEvent } from '@bkg/sdk';
import { eventually, natsServerProgram } from '@bkg/sdk/testing';
import { now } from '../clock.ts';

const program = path.join(import.meta.dirname, '../../../services/cli/dist/main.js');
/** It takes some seconds where nobody else wants the machine. */
const startMostMs = 60_000;
/** `bkg up` promises 15 s. */
const stopMostMs = 20_000;
/** The supervisor answers within 60 s. */
const orderMostMs = 70_000;
const keptOutputChars = 8_192;

/** The processes of a mesh but its plugins. */
export const partNames = ['nats-server', 'supervisor', 'gateway'] as const;
export type PartName = (typeof partNames)[number];

export interface MeshOptions {
  home: string;
  plugins: string;
}

export interface Answer<T> {
  status: number;
  body: T | Problem;
}

interface UpRecord {
  port: number;
  bus_port: number;
  parts: Record<PartName, { pid: number }>;
}

/** A status event, and when it was heard. */
export interface HeardStatus extends StatusEvent {
  at: number;
}

/** `bkg up`, as anybody starts it, on free ports. */
export class Mesh implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #home: string;
  readonly #ended: Promise<unknown>;
  #output = '';
  #connection: Connection | undefined;
  httpPort = 0;
  busPort = 0;
  /** That of who has started it. */
  apiKey = '';
  /** All status events of its plugins, in the order in which they were heard. */
  readonly statuses: HeardStatus[] = [];

  /** @throws Error when it does not come up, with what it printed */
  static async start(options: MeshOptions): Promise<Mesh> {
    if (!existsSync(program)) throw new Error(`${program} is missing: build first (npm run build).`);
    const mesh = new Mesh(options);
    try {
      await mesh.#begin();
    } catch (error) {
      await mesh[Symbol.asyncDispose]();
      throw error;
    }
    return mesh;
  }

  constructor({ home, plugins }: MeshOptions) {
    this.#home = home;
    const inherited = Object.entries(process.env).filter(([name]) => !/^(BKG_|npm_|INIT_CWD$)/.test(name));
    const natsServer = natsServerProgram();
    this.#child = spawn(process.execPath, [program, 'up'], {
      env: {
        ...Object.fromEntries(inherited),
        BKG_HOME: home,
        BKG_PORT: '0',
        BKG_PLUGIN_BUS_PORT: '0',
        // Otherwise it looks on the PATH itself.
        ...(path.isAbsolute(natsServer) && { BKG_NATS_SERVER: natsServer }),
        BKG_PLUGINS_PATH: plugins,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      // Ctrl-C reaches it through us: twice would kill it.
      detached: true,
    });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.on(
        'data',
        (chunk: Buffer) => (this.#output = (this.#output + chunk.toString()).slice(-keptOutputChars)),
      );
    this.#ended = new Promise((resolve) => this.#child.once('close', resolve));
  }

  /** Of `bkg up` itself. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Of what `bkg up` has started, now: one that has ended has a successor. */
  get pids(): Readonly<Record<PartName, number>> {
    const { parts } = this.#record;
    return {
      'nats-server': parts['nats-server'].pid,
      supervisor: parts.supervisor.pid,
      gateway: parts.gateway.pid,
    };
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  async plugin(id: string): Promise<PluginInfo> {
    const response = await fetch(`${this.#url}/api/plugins/${id}`, {
      headers: this.#headers,
      signal: AbortSignal.timeout(orderMostMs),
    });
    if (!response.ok)
      throw new Error(`GET /api/plugins/${id} answered ${response.status}: ${await response.text()}`);
    return (await response.json()) as PluginInfo;
  }

  /** An order as `POST /api/plugins/<id>/<verb>` takes it. */
  async order(
    id: string,
    verb: string,
    body: unknown = {},
    timeoutMs = orderMostMs,
  ): Promise<Answer<PluginInfo>> {
    const response = await fetch(`${this.#url}/api/plugins/${id}/${verb}`, {
      method: 'POST',
      headers: { ...this.#headers, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(timeoutMs),
    });
    return { status: response.status, body: (await response.json()) as PluginInfo | Problem };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection?.close();
    // Asked twice it kills what is left.
    for (let asked = 0; asked < 2 && !this.hasEnded; asked += 1) {
      this.#child.kill('SIGINT');
      await Promise.race([this.#ended, new Promise((resolve) => setTimeout(resolve, stopMostMs).unref())]);
    }
    if (!this.hasEnded)
      throw new Error(`bkg up (process ${this.#child.pid}) does not end; it printed:\n${this.#output}`);
  }

  /** What `bkg up` has written down of itself. */
  get #record(): UpRecord {
    return JSON.parse(readFileSync(path.join(this.#home, 'run/up.json'), 'utf8')) as UpRecord;
  }

  get #url(): string {
    return `http://127.0.0.1:${this.httpPort}`;
  }

  get #headers(): { authorization: string } {
    return { authorization: `Bearer ${this.apiKey}` };
  }

  async #begin(): Promise<void> {
    await eventually(() => this.hasEnded || this.#output.includes('bkg is up'), {
      withinMs: startMostMs,
    }).catch(() => undefined);
    if (!this.#output.includes('bkg is up'))
      throw new Error(`bkg up did not come up, and printed:\n${this.#output}`);
    const { port, bus_port: busPort } = this.#record;
    this.httpPort = port;
    this.busPort = busPort;
    this.apiKey = readFileSync(path.join(this.#home, 'admin.key'), 'utf8').trim();
    await this.#listen(readCredentials(path.join(this.#home, 'run/credentials.json')));
  }

  async #listen(credentials: Credentials): Promise<void> {
    this.#connection = await connect({
      servers: [`nats://127.0.0.1:${this.busPort}`],
      credentials,
      name: 'replace',
      identity: ['replace'],
      log: createLogger({}, { level: 'error' }),
      signal: AbortSignal.timeout(startMostMs),
    });
    this.#connection.subscribe(subjects.events('status'), {
      callback: (_error, msg) => void this.statuses.push({ ...msg.json<StatusEvent>(), at: now() }),
    });
    await this.#connection.flush();
  }
}
