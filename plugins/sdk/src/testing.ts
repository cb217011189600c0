/** For tests: a real nats-server of their own, a mesh of simulated plugins, and waiting for something to become true. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { natsAccess } from './access/nats-access.ts';
import { createAccountSeed, readNkey } from './access/nkey.ts';
import { connect } from './connect.ts';
import type { ConnectOptions } from './connect.ts';
import type { Connection } from './connection.ts';
import type { Credentials } from './credentials.ts';
import { delay } from './host/delay.ts';
import { createLogger } from './logger.ts';
import type { Logger } from './logger.ts';
import { packageFolder } from './package-folder.ts';
import { gatewayPermissions } from './protocol/permissions.ts';
import { coreInbox } from './protocol/subjects.ts';
import { createToken } from './token.ts';

export * from './testing/index.ts';

export interface TestServerOptions {
  /** @default true */
  jetstream?: boolean;
  /** Whether it says over HTTP what it does, at `monitorUrl`. @default false */
  monitor?: boolean;
  /**
   * Whether it knows its own user and a gateway only, and asks by `subjects.authorization` who everybody else is: its
   * credentials then say how to answer. @default false
   */
  access?: boolean;
  /** More lines for the configuration file. */
  config?: string;
}

/** A logger that says nothing below `fatal`. */
export const silentLogger: Logger = createLogger({}, { level: 'fatal' });

/**
 * Starts a nats-server on a free port with a user and a password: `BKG_NATS_SERVER`, one that the set-up has fetched,
 * or the one on the PATH. It ends with its `stop`, or by `await using`.
 */
export async function startNatsServer(options: TestServerOptions = {}): Promise<TestServer> {
  const folder = await mkdtemp(path.join(tmpdir(), 'bkg-nats-'));
  const credentials = {
    user: 'test',
    password: createToken(),
    ...(options.access && {
      callout: { issuer_seed: createAccountSeed() },
      system: { user: 'sys', password: createToken() },
    }),
  };
  const server = new TestServer(folder, credentials);
  await writeFile(server.credentialsFile, JSON.stringify(credentials), { mode: 0o600 });
  try {
    await server.start(options);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

export class TestServer {
  readonly credentials: Credentials;
  /** Of a gateway, with what a gateway may; only with `access`. */
  readonly gatewayCredentials: Credentials = {
    user: 'gateway',
    password: createToken(),
    core_inbox: coreInbox('gateway'),
  };
  readonly credentialsFile: string;
  readonly #folder: string;
  readonly #connections = new Set<Connection>();
  #child: ChildProcess | undefined;
  #port = -1;
  #monitorUrl: string | undefined;
  #options: TestServerOptions = {};

  constructor(folder: string, credentials: Credentials) {
    this.#folder = folder;
    this.credentials = credentials;
    this.credentialsFile = path.join(folder, 'credentials.json');
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `nats://127.0.0.1:${this.#port}`;
  }

  /** Of its monitoring, as `<monitorUrl>/connz`; it is another after a restart. */
  get monitorUrl(): string {
    if (this.#monitorUrl === undefined) throw new Error('this nats-server was started without monitor');
    return this.#monitorUrl;
  }

  get pid(): number {
    if (this.#child?.pid === undefined) throw new Error('the nats-server of this test does not run');
    return this.#child.pid;
  }

  /** A connection that `stop` closes with the server. */
  async connect(identity = 'test', options: Partial<ConnectOptions> = {}): Promise<Connection> {
    const connection = await connect({
      servers: [this.url],
      credentials: this.credentials,
      name: identity,
      identity: [identity],
      log: silentLogger,
      signal: AbortSignal.timeout(10_000),
      ...options,
    });
    this.#connections.add(connection);
    return connection;
  }

  async start(options: TestServerOptions, credentials = this.credentials): Promise<void> {
    this.#options = options;
    const config = path.join(this.#folder, 'nats-server.conf');
    await writeFile(config, this.#configuration(options, credentials));
    const child = spawn(natsServerProgram(), ['-c', config], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child = child;
    await ready(child);
    const { nats, monitoring = [] } = await this.#addresses(child.pid);
    this.#port = Number(new URL(nats[0] ?? '').port);
    [this.#monitorUrl] = monitoring;
  }

  /** Ends the server as a crash would; its data stays. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  }

  /**
   * Starts it again, on the same port and with its data.
   * @param credentials what it takes from now on; others than its own refuse everybody
   */
  async restart(credentials = this.credentials): Promise<void> {
    await this.kill();
    await this.start(this.#options, credentials);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#connections].map((connection) => connection.close()));
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #configuration(
    { jetstream = true, monitor = false, config = '' }: TestServerOptions,
    credentials: Credentials,
  ): string {
    return `
      host: 127.0.0.1
      port: ${this.#port}
      ports_file_dir: "${this.#folder}"
      ${this.#authorization(credentials)}
      ${jetstream ? `jetstream { store_dir: "${this.#folder}", max_memory_store: 256MB, max_file_store: 1GB }` : ''}
      ${monitor ? 'http: "127.0.0.1:-1"' : ''}
      ${config}
    `;
  }

  #authorization({ user, password, callout, system }: Credentials): string {
    if (!callout || !system) return `authorization { user: "${user}", password: "${password}" }`;
    const gateway = { ...this.gatewayCredentials, permissions: gatewayPermissions() };
    const { publicKey: issuer } = readNkey(callout.issuer_seed);
    return natsAccess({ users: [{ user, password }, gateway], system, issuer });
  }

  async #addresses(pid: number | undefined): Promise<{ nats: string[]; monitoring?: string[] }> {
    const file = path.join(this.#folder, `nats-server_${pid}.ports`);
    // Read again when it is there but not written to its end yet.
    return eventually(async () => JSON.parse(await readFile(file, 'utf8')) as { nats: string[] });
  }
}

/** The program, as absolute as it is known. */
export function natsServerProgram(env = process.env): string {
  const fetched = path.resolve(packageFolder, '../../.bkg/tools/nats-server/usr/sbin/nats-server');
  return env['BKG_NATS_SERVER'] ?? (existsSync(fetched) ? fetched : 'nats-server');
}

/**
 * Polls until `check` returns something other than false or undefined and does not throw.
 * @throws what `check` threw last, or that it never held
 */
export async function eventually<T>(
  check: () => T | Promise<T>,
  { withinMs = 20_000, everyMs = 20 }: { withinMs?: number; everyMs?: number } = {},
): Promise<Exclude<T, false | undefined>> {
  const until = Date.now() + withinMs;
  for (;;) {
    let failure: unknown;
    try {
      const value = await check();
      if (value !== false && value !== undefined) return value as Exclude<T, false | undefined>;
      failure = new Error(`it did not come true within ${withinMs} ms: ${check.toString()}`);
    } catch (error) {
      failure = error;
    }
    if (Date.now() > until) throw failure;
    await delay(everyMs);
  }
}

/** Resolves when the server says that it is ready; its log goes to standard error. */
function ready(child: ChildProcess): Promise<void> {
  let log = '';
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`nats-server was not ready within 10 s:\n${log}`));
    }, 10_000);
    const end = (settle: () => void) => {
      clearTimeout(late);
      settle();
    };
    child.stderr?.on('data', (chunk: Buffer) => {
      log = (log + chunk.toString()).slice(-8_192);
      if (log.includes('Server is ready')) end(resolve);
    });
    child.once('error', (error) => end(() => reject(error)));
    child.once('exit', (code) => end(() => reject(new Error(`nats-server ended with ${code}:\n${log}`))));
  });
}
