import { readdirSync } from 'node:fs';
import path from 'node:path';
import { subjects } from '@bkg/sdk';
import type { InstanceEnd, Isolation, Manifest, PluginInfo, StatusEvent } from '@bkg/sdk';
import { connectClient } from '@bkg/sdk/client';
import type { InvocationError, InvokeOptions, NatsClient } from '@bkg/sdk/client';
import { delay, readProcessStat } from '@bkg/sdk/host';
import { eventually } from '@bkg/sdk/testing';
import { ownCgroupPlaces } from '../src/isolation/cgroup-places.ts';
import { CgroupTree } from '../src/isolation/cgroup-tree.ts';
import { environmentOf, listProcesses } from '../src/process-table.ts';
import type { Timings } from '../src/timings.ts';
import { manifest, Mesh } from './mesh.ts';
import { SteadyCaller } from './steady-caller.ts';

/** How an invocation of a culprit ended. */
export interface Outcome {
  code: string;
  detail: string;
  /** By `performance.now()`. */
  at: number;
}

const everyMs = 10;
const listEveryMs = 100;
const listMostMs = 2_500;
/** Fewer would be a neighbour that nobody has watched. */
const callsLeast = 100;

/**
 * A mesh in which plugins that mean ill live beside one that behaves: `neighbour` is invoked all the time, and the supervisor
 * is asked all the time what there is.
 */
export class Neighbourhood implements AsyncDisposable {
  readonly mesh: Mesh;
  readonly client: NatsClient;
  readonly #stack: AsyncDisposableStack;
  readonly #caller: SteadyCaller;
  readonly #events: StatusEvent[] = [];
  readonly #heartbeats = new Map<string, number>();
  readonly #listsMs: number[] = [];
  readonly #listFailures: string[] = [];
  readonly #ending = new AbortController();
  #isListPaused = false;

  /** @param culprits plugins of `hostile.mjs`, not started */
  static async create(culprits: readonly Manifest[], timings: Partial<Timings> = {}): Promise<Neighbourhood> {
    const stack = new AsyncDisposableStack();
    try {
      const mesh = stack.use(await Mesh.create([...culprits, manifest('neighbour', 'echo.mjs')]));
      const { url, credentials } = mesh.server;
      const client = stack.use(await connectClient({ servers: url, credentials, retry: false }));
      await mesh.supervise(timings);
      await mesh.order('start', 'neighbour');
      return new Neighbourhood(mesh, client, stack);
    } catch (error) {
      await stack.disposeAsync();
      throw error;
    }
  }

  constructor(mesh: Mesh, client: NatsClient, stack: AsyncDisposableStack) {
    this.mesh = mesh;
    this.client = client;
    this.#stack = stack;
    this.#caller = stack.use(new SteadyCaller(mesh.caller, 'neighbour', everyMs));
    mesh.caller.subscribe(subjects.events('status'), {
      callback: (_, msg) => void this.#events.push(msg.json()),
    });
    mesh.caller.subscribe(subjects.events('telemetry'), {
      callback: (_, { subject }) => void this.#heartbeats.set(subject.split('.')[3] ?? '', performance.now()),
    });
    void this.#keepListing();
  }

  /** When an instance was heard to beat last, by `performance.now()`; 0 when it never was. */
  lastHeartbeat(instance: string): number {
    return this.#heartbeats.get(instance) ?? 0;
  }

  /** What keeps a plugin within its limits here. */
  async isolation(id: string): Promise<Isolation> {
    return (await this.mesh.get(id)).isolation!;
  }

  /** An invocation that must fail. */
  async fails(
    id: string,
    capability: string,
    options: InvokeOptions & { payload?: unknown } = {},
  ): Promise<Outcome> {
    const { payload = {}, timeoutMs = 15_000, ...rest } = options;
    try {
      await this.client.invoke(id, capability, payload, { timeoutMs, ...rest });
    } catch (error) {
      const { code, problem } = error as InvocationError;
      return { code, detail: problem.detail, at: performance.now() };
    }
    throw new Error(`${capability} of ${id} has succeeded`);
  }

  /** @returns when the process has ended, by `performance.now()` */
  async died(pid: number): Promise<number> {
    return eventually(() => ['Z', 'X', undefined].includes(readProcessStat(pid)?.[0]) && performance.now(), {
      everyMs: 5,
      withinMs: 20_000,
    });
  }

  /** The end that is shown of an instance, with its last output. */
  async endOf(id: string, instance: string): Promise<InstanceEnd> {
    return eventually(
      async () => (await this.mesh.get(id)).ends?.find((end) => end.instance === instance && end.output),
      { withinMs: 20_000 },
    );
  }

  /** What everybody hears when an instance is gone. */
  async announced(instance: string): Promise<StatusEvent> {
    return eventually(() => this.#events.find((event) => event.instance === instance && event.ended));
  }

  async running(id: string, instead?: string): Promise<PluginInfo> {
    return eventually(
      async () => {
        const info = await this.mesh.get(id);
        const [instance] = info.instances;
        return info.status === 'running' && instance?.instance !== instead && info;
      },
      { withinMs: 20_000 },
    );
  }

  /** Stops a plugin, after which nothing is left of it. @returns what is, when that does not come true */
  async stop(id: string): Promise<string[]> {
    await this.mesh.order('stop', id);
    let left: string[] = [];
    await eventually(async () => (left = await this.leftovers()).length === 0).catch(() => undefined);
    return left;
  }

  /** Files, processes and cgroups of instances that there are not. */
  async leftovers(): Promise<string[]> {
    const { home } = this.mesh;
    // Each by itself: a list of very many leaves instances out.
    const plugins = await Promise.all(readdirSync(this.mesh.plugins).map((id) => this.mesh.get(id)));
    const known = plugins.flatMap(({ instances }) =>
      instances.filter(({ managed, pid }) => managed && pid !== undefined).map(({ instance }) => instance),
    );
    const isLeft = (name: string): boolean => !known.some((instance) => name.startsWith(instance));
    const files = readdirSync(path.join(home, 'run')).filter(
      (name) => name !== 'supervisor.json' && isLeft(name),
    );
    const places = ownCgroupPlaces();
    const cgroups = new CgroupTree({ home, places, bases: {} }).instances().filter(isLeft);
    const processes = listProcesses().flatMap(({ pid }) => {
      const env = environmentOf(pid);
      const isOurs = env?.get('BKG_HOME') === home && env.has('BKG_PLUGIN_ID');
      return isOurs && isLeft(env?.get('BKG_INSTANCE_ID') ?? '') ? [pid] : [];
    });
    return [
      ...files.map((name) => `run/${name}`),
      ...cgroups.map((name) => `cgroup ${name}`),
      ...processes.map((pid) => `process ${pid}`),
    ];
  }

  /** While the supervisor is away on purpose. */
  async withoutList(act: () => Promise<unknown>): Promise<void> {
    this.#isListPaused = true;
    try {
      await act();
    } finally {
      this.#isListPaused = false;
    }
  }

  /** Ends the watch. @returns what the neighbour's callers and those who asked the supervisor have to complain of */
  async complaints(): Promise<string[]> {
    this.#ending.abort();
    const failures = await this.#caller.end();
    const slow = this.#listsMs.filter((ms) => ms > listMostMs);
    const areMany = slow.length > this.#listsMs.length / 100;
    return [
      ...(this.#caller.count < callsLeast ? [`only ${this.#caller.count} invocations`] : []),
      ...failures.map((failure) => `invocation ${failure}`),
      ...this.#listFailures,
      // One or two may be the machine's.
      ...slow
        .filter((ms) => areMany || ms > 3 * listMostMs)
        .map((ms) => `bkg.registry.list took ${Math.round(ms)} ms`),
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    await this.#stack.disposeAsync();
  }

  async #keepListing(): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      const startedAt = performance.now();
      try {
        if (!this.#isListPaused) await this.mesh.list();
        this.#listsMs.push(performance.now() - startedAt);
      } catch (error) {
        if (!this.#isListPaused && !signal.aborted)
          this.#listFailures.push(`bkg.registry.list: ${String(error)}`);
      }
      // Its one failure is the signal's, which ends the loop.
      await delay(listEveryMs, signal).catch(() => undefined);
    }
  }
}
