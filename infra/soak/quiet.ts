import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { connect, createLogger, subjects } from '@bkg/sdk';
import type { Connection, Credentials } from '@bkg/sdk';
import { readProcessStat, readProcessTotals } from '@bkg/sdk/host';
import type { PluginInfo, PluginTelemetry } from '@bkg/sdk/protocol';
import { eventually } from '@bkg/sdk/testing';
import { now } from '../bench/clock.ts';
import { sendSignal } from '../chaos/mesh.ts';
import type { Mesh } from '../chaos/mesh.ts';
import { pluginIds } from './folders.ts';
import { fileOf } from './plugins/diagnosis.mjs';

/** One process of the mesh, when nobody wants anything of it. */
export interface ProcessState {
  /** What it is: what is restarted has the same, and another pid. */
  role: string;
  pid: number;
  /** Resident, after it was asked to free what it could. */
  memoryMb: number;
  /** In use without garbage; of nats-server nobody knows. */
  usedMb?: number;
  /** Open files and sockets. */
  files: number;
  threads: number;
  /** Subscriptions of its connections to the broker, the most first. */
  subscriptions: number[];
  /** What keeps its event loop, by kind; none of nats-server. */
  resources: Record<string, number>;
}

export interface QuietState {
  at: number;
  processes: ProcessState[];
  /** Of all instances of a plugin. */
  held: { plugin: string; inFlight: number; queueDepth: number }[];
  /** Ids of invocations that an instance says it holds. */
  invocations: string[];
}

interface Diagnosis {
  usedBytes: number;
  resources: Record<string, number>;
}

interface Connz {
  data: { connections: { name?: string; subscriptions?: number }[] };
}

const answerMostMs = 5_000;
const inflightMs = 500;
/** Of the invocations, the last ones: a question has to fit into a message. */
const askedIdsMost = 5_000;
const ownName = 'soak';

/** Looks at a mesh from all sides. Ends with `close`. */
export class Observer implements AsyncDisposable {
  readonly #mesh: Mesh;
  readonly #pluginIds: readonly string[];
  readonly #connection: Connection;
  readonly #system: Connection;

  /** @param plugins that are looked at, each with a capability `diagnose` */
  static async connect(mesh: Mesh, plugins: readonly string[] = pluginIds): Promise<Observer> {
    const { credentials } = mesh;
    const { system } = credentials;
    if (!system) throw new Error('the credentials of the mesh have no user of the system account');
    return new Observer(mesh, plugins, await open(mesh, credentials), await open(mesh, system));
  }

  constructor(mesh: Mesh, plugins: readonly string[], connection: Connection, system: Connection) {
    this.#mesh = mesh;
    this.#pluginIds = plugins;
    this.#connection = connection;
    this.#system = system;
  }

  /** @param ids of invocations that nobody may hold any more */
  async look(ids: readonly string[]): Promise<QuietState> {
    const subscriptions = await this.#subscriptions();
    const plugins = await Promise.all(this.#pluginIds.map((id) => this.#get<PluginInfo>(id)));
    const parts = Object.entries(this.#mesh.parts).map(async ([role, pid]) => {
      const diagnosis = role === 'nats-server' ? undefined : await this.#diagnosisOf(pid);
      return stateOf(role, pid, subscriptionsOfPart(role, subscriptions), diagnosis);
    });
    const instances = plugins.flatMap(({ id, instances: some }) =>
      some.map(async ({ instance, pid = 0 }) => {
        const diagnosis = await this.#askFor(id, instance);
        return stateOf(id, pid, subscriptions.get(`${id} ${instance}`) ?? [], diagnosis);
      }),
    );
    const held = this.#pluginIds.map(async (plugin) => {
      const telemetry = await this.#get<PluginTelemetry>(`${plugin}/telemetry`);
      return { plugin, inFlight: telemetry.in_flight, queueDepth: telemetry.queue_depth };
    });
    return {
      at: now(),
      processes: await Promise.all([...parts, ...instances]),
      held: await Promise.all(held),
      invocations: await this.#held(ids.slice(-askedIdsMost)),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#connection.close(), this.#system.close()]);
  }

  /** By the name of the connection, without our own. */
  async #subscriptions(): Promise<Map<string, number[]>> {
    const query = JSON.stringify({ limit: 1_024 });
    const msg = await this.#system.request('$SYS.REQ.SERVER.PING.CONNZ', query, { timeoutMs: answerMostMs });
    const { connections } = msg.json<Connz>().data;
    const byName = Map.groupBy(connections, ({ name = '' }) => name);
    const counts = [...byName].map(([name, some]): [string, number[]] => [
      name,
      some.map(({ subscriptions = 0 }) => subscriptions).sort((a, b) => b - a),
    ]);
    return new Map(counts.filter(([name]) => !name.startsWith(ownName)));
  }

  /** Of a part, which writes it into a file when it is told to. */
  async #diagnosisOf(pid: number): Promise<Diagnosis> {
    const file = fileOf(this.#mesh.home, pid);
    rmSync(file, { force: true });
    sendSignal(pid, 'SIGUSR2');
    await eventually(() => existsSync(file), { withinMs: answerMostMs });
    return JSON.parse(readFileSync(file, 'utf8')) as Diagnosis;
  }

  async #askFor(plugin: string, instance: string): Promise<Diagnosis> {
    const subject = subjects.invokeAt(plugin, instance, 'diagnose');
    return (await this.#connection.request(subject, '{}', { timeoutMs: answerMostMs })).json();
  }

  async #held(ids: readonly string[]): Promise<string[]> {
    const query = JSON.stringify({ invocation_ids: ids });
    const asked = this.#pluginIds.map((plugin) =>
      this.#connection.requestMany(subjects.inflight(plugin), query, { forMs: inflightMs }),
    );
    return (await Promise.all(asked))
      .flat()
      .flatMap((msg) => msg.json<{ invocation_ids: string[] }>().invocation_ids);
  }

  async #get<T>(path: string): Promise<T> {
    const signal = AbortSignal.timeout(answerMostMs);
    const { url, headers } = this.#mesh;
    const response = await fetch(`${url}/api/plugins/${path}`, { headers, signal });
    if (!response.ok) throw new Error(`GET ${path} was answered ${response.status}`);
    return (await response.json()) as T;
  }
}

/**
 * By connection. Of those beside its first, which the gateway has for the plugins that were invoked lately, the one with the most
 * stands for all.
 */
function subscriptionsOfPart(role: string, byName: ReadonlyMap<string, number[]>): number[] {
  const beside = [...byName].flatMap(([name, counts]) => (name.startsWith(`bkg ${role}, `) ? counts : []));
  const most = beside.length > 0 ? [Math.max(...beside)] : [];
  return [...(byName.get(`bkg ${role}`) ?? []), ...most];
}

function stateOf(
  role: string,
  pid: number,
  subscriptions: number[],
  diagnosis: Diagnosis | undefined,
): ProcessState {
  const totals = readProcessTotals(pid);
  if (!totals) throw new Error(`${role}, process ${pid}, has ended`);
  return {
    role,
    pid,
    memoryMb: totals.memoryBytes / 1_000_000,
    ...(diagnosis && { usedMb: diagnosis.usedBytes / 1_000_000 }),
    files: readdirSync(`/proc/${pid}/fd`).length,
    // proc(5): field 20; the first two are cut off.
    threads: Number(readProcessStat(pid)?.[17]),
    subscriptions,
    resources: diagnosis?.resources ?? {},
  };
}

function open({ busUrl }: Mesh, credentials: Credentials): Promise<Connection> {
  return connect({
    servers: [busUrl],
    credentials,
    name: `${ownName} observer`,
    identity: [ownName],
    log: createLogger({}, { level: 'silent' }),
    signal: AbortSignal.timeout(20_000),
  });
}
