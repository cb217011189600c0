import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { BkgError, problemOfMsg, subjects } from '@bkg/sdk';
import type { Connection, Isolation, Logger, LogRecord, Manifest, PluginInfo, Problem } from '@bkg/sdk';
import { eventually, startNatsServer, silentLogger } from '@bkg/sdk/testing';
import type { TestServer } from '@bkg/sdk/testing';
import { homePaths } from '@bkg/sdk/host';
import { probeMachine } from '../src/isolation/machine.ts';
import type { Machine } from '../src/isolation/machine.ts';
import { serve } from '../src/nest/shell.ts';
import { listProcesses, environmentOf } from '../src/process-table.ts';
import { failuresMost } from '../src/restart-policy.ts';
import { createSupervisor } from '../src/supervisor.ts';
import type { Supervisor } from '../src/supervisor.ts';
import type { Timings } from '../src/timings.ts';

/** Short enough that nobody waits, long enough for two busy cores. */
export const quick: Partial<Timings> = {
  scanEveryMs: 50,
  settleMs: 20,
  probeEveryMs: 50,
  tailEveryMs: 20,
  watchEveryMs: 20,
  registryEveryMs: 50,
  restartFirstMs: 50,
  restartMostMs: 200,
  graceMs: 3_000,
  answerMs: 500,
  quietAnswerMs: 500,
};

export const fixture = (name: string): string => path.join(import.meta.dirname, 'fixtures', name);

/** A manifest of one of the fixtures; `env` tells it what to do. */
export function manifest(
  id: string,
  file: string,
  more: Partial<Manifest> & { env?: Record<string, string> } = {},
): Manifest {
  const { env = {}, ...rest } = more;
  return { id, version: '1.0.0', command: ['node', fixture(file)], config: { env }, ...rest };
}

/** A broker, a home and plugin folders, with any number of supervisors. */
export class Mesh implements AsyncDisposable {
  readonly server: TestServer;
  readonly folder: string;
  readonly home: string;
  readonly plugins: string;
  /** Where every plugin may write, whichever user it runs under. */
  readonly shared: string;
  /** As BKG_PLUGINS_PATH would name it; it is made by who needs it. */
  readonly more: string;
  caller!: Connection;
  /** One for all supervisors of the home: its trials take a while. */
  #machine: Promise<Machine> | undefined;
  readonly #running = new Set<{ stop: () => Promise<void> }>();

  constructor(server: TestServer, folder: string) {
    this.server = server;
    this.folder = folder;
    this.home = path.join(folder, 'home');
    this.plugins = path.join(folder, 'plugins');
    this.more = path.join(folder, 'more');
    this.shared = path.join(folder, 'shared');
    mkdirSync(this.shared);
    chmodSync(this.shared, 0o777);
    mkdirSync(this.plugins, { recursive: true });
  }

  static async create(manifests: readonly Manifest[] = []): Promise<Mesh> {
    const folder = await mkdtemp(path.join(tmpdir(), 'bkg-supervisor-'));
    // Plugins run under users of their own, who must get to their data.
    await chmod(folder, 0o711);
    const mesh = new Mesh(await startNatsServer(), folder);
    mesh.caller = await mesh.server.connect('caller');
    for (const one of manifests) mesh.write(one);
    return mesh;
  }

  write(one: Manifest): void {
    this.writeText(one.id, JSON.stringify(one));
  }

  writeText(folder: string, text: string): void {
    mkdirSync(path.join(this.plugins, folder), { recursive: true });
    writeFileSync(path.join(this.plugins, folder, 'plugin.json'), text);
  }

  remove(folder: string): void {
    rmSync(path.join(this.plugins, folder), { recursive: true });
  }

  /** A supervisor in this process that answers on the bus. */
  async supervise(
    timings: Partial<Timings> = {},
    options: {
      onLost?: () => void;
      home?: string;
      signal?: AbortSignal;
      /** What the machine says that it can do; what it does is the same. */
      isolation?: Isolation;
      vouchedOnly?: boolean;
      log?: Logger;
    } = {},
  ): Promise<{ supervisor: Supervisor; connection: Connection; stop: () => Promise<void> }> {
    const { home = this.home, onLost, signal, isolation, vouchedOnly = false, log = silentLogger } = options;
    const machine = home === this.home ? await this.machine() : undefined;
    if (machine && isolation) machine.isolationOf = () => isolation;
    const connection = await this.server.connect('supervisor');
    const supervisor = createSupervisor({
      connection,
      credentials: this.server.credentials,
      natsUrl: this.server.url,
      home,
      pluginFolders: [this.plugins, this.more],
      log,
      vouchedOnly,
      timings: { ...quick, ...timings },
      ...(onLost && { onLost }),
      ...(machine && { machine }),
    });
    await supervisor.start(signal);
    const shell = await serve({ supervisor, connection, log });
    const held = {
      supervisor,
      connection,
      stop: async () => {
        if (!this.#running.delete(held)) return;
        await shell.close();
        await supervisor.stop();
        await connection.close();
      },
    };
    this.#running.add(held);
    return held;
  }

  /** What this one can do, found out once. */
  machine(): Promise<Machine> {
    const paths = homePaths(this.home);
    for (const folder of [paths.run, paths.data]) mkdirSync(folder, { recursive: true });
    return (this.#machine ??= probeMachine({
      home: paths,
      node: process.execPath,
      log: silentLogger,
      signal: AbortSignal.timeout(30_000),
    }));
  }

  /** @throws BkgError that was answered */
  async ask<T>(
    subject: string,
    body: unknown = {},
    timeoutMs = 15_000,
    headers: Record<string, string> = {},
  ): Promise<T> {
    const msg = await this.caller.request(subject, JSON.stringify(body), { timeoutMs, headers });
    const problem = problemOfMsg(msg);
    if (problem) throw BkgError.from(problem);
    return msg.json<T>();
  }

  order(
    verb: 'start' | 'stop' | 'restart' | 'swap' | 'scale' | 'rollback',
    id: string,
    body: unknown = {},
  ): Promise<PluginInfo> {
    return this.ask(subjects.control(verb, id), body, 70_000);
  }

  /** The same plugin in a folder of its own, in another version. */
  writeVersion(one: Manifest): void {
    this.writeText(`${one.id}-${one.version}`, JSON.stringify(one));
  }

  list(): Promise<PluginInfo[]> {
    return this.ask(subjects.registryList);
  }

  get(id: string): Promise<PluginInfo> {
    return this.ask(subjects.registryGet(id));
  }

  /** Waits until its launch has failed for a reason more often than that of one that is given up. */
  notLaunched(id: string, why: RegExp): Promise<PluginInfo> {
    const tries = new Set<string>();
    return eventually(
      async () => {
        const info = await this.get(id);
        const [newest] = info.ends ?? [];
        if (newest && why.test(newest.text)) tries.add(newest.instance);
        return tries.size > failuresMost && info;
      },
      { withinMs: 20_000 },
    );
  }

  invoke<T>(id: string, capability: string, payload: unknown = {}): Promise<T> {
    return this.ask(subjects.invokeCapability(id, capability), payload);
  }

  async logs(id: string, query: unknown = {}): Promise<LogRecord[]> {
    const { lines } = await this.ask<{ lines: LogRecord[] }>(subjects.logs(id), query);
    return lines;
  }

  async messages(id: string, query: unknown = {}): Promise<string[]> {
    return (await this.logs(id, query)).map(({ message }) => message);
  }

  /** Processes of this mesh's plugins, whoever started them. */
  pids(id?: string): number[] {
    return pidsOf((env) => env.get('BKG_HOME') === this.home && (!id || env.get('BKG_PLUGIN_ID') === id));
  }

  async stopSupervisors(): Promise<void> {
    await Promise.all([...this.#running].map(({ stop }) => stop()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopSupervisors();
    // A test may have had another home, too.
    for (const pid of pidsOf((env) => env.get('BKG_HOME')?.startsWith(this.folder))) kill(pid);
    const machine = await this.#machine;
    for (const instance of machine?.leftovers() ?? [])
      machine?.adopt({ instance, pluginId: '', config: undefined }).release();
    await this.server.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** What an order that must fail was answered. */
export async function problemOf(answer: Promise<unknown>): Promise<Problem> {
  try {
    await answer;
  } catch (error) {
    if (error instanceof BkgError) return error.problem;
    throw error;
  }
  throw new Error('it was answered with a success');
}

function pidsOf(isMeant: (env: Map<string, string>) => boolean | undefined): number[] {
  return listProcesses()
    .map(({ pid }) => pid)
    .filter((pid) => {
      const env = environmentOf(pid);
      return env && isMeant(env);
    });
}

export function isAlive(pid: number): boolean {
  return listProcesses().some((row) => row.pid === pid);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended meanwhile.
  }
}
