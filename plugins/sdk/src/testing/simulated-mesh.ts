import { connect } from '../connect.ts';
import type { Connection } from '../connection.ts';
import type { Credentials } from '../credentials.ts';
import { createLogger } from '../logger.ts';
import { heartbeatDefaultMs } from '../protocol/event.ts';
import { createToken } from '../token.ts';
import { SimulatedInstance } from './simulated-instance.ts';
import { simulatedPlugin } from './simulated-plugin.ts';

export interface SimulatedMeshOptions {
  /** `nats://127.0.0.1:43121`, one or the nodes of a cluster. */
  servers: readonly string[];
  credentials: Credentials;
  /** @default 1000, which is the most that a supervisor takes of plugins that it has not started */
  plugins?: number;
  /** Of all plugins together, spread evenly; at least one for each. @default 2000 */
  instances?: number;
  /** Between two heartbeats of an instance, until it is told otherwise. @default 2000 */
  heartbeatMs?: number;
  /** How many connections the instances share. @default 4 */
  connections?: number;
  /** Begins the ids of the plugins, which end with a number. @default 'simulated' */
  prefix?: string;
  /** Ends the wait for the broker, and later everything, without a word: as a machine that is gone. */
  signal?: AbortSignal;
}

/** What begins at the same time, so that a mesh does not come up in one burst. */
const atOnce = 25;

/**
 * Starts many instances of many plugins in this process, for tests and measurements of what a mesh costs. On the bus they
 * are real: each has all subscriptions of an instance with the SDK, publishes status events and heartbeats, answers
 * discovery, questions, orders (`ctl.….configure` with `heartbeat_ms` too) and invocations. They are not managed: no
 * supervisor has started them.
 * @returns when all are `running`
 * @throws the reason of `signal`
 */
export async function simulateMesh(options: SimulatedMeshOptions): Promise<SimulatedMesh> {
  const mesh = new SimulatedMesh(options);
  try {
    await mesh.start();
  } catch (error) {
    await mesh.abandon();
    throw error;
  }
  return mesh;
}

/** Ends with `end`, or by `await using`. */
export class SimulatedMesh implements AsyncDisposable {
  /** The ids of all plugins, in order. */
  readonly plugins: readonly string[];
  readonly #options: SimulatedMeshOptions;
  readonly #connections: Connection[] = [];
  readonly #instances = new Map<string, SimulatedInstance[]>();
  readonly #abandon = (): void => void this.abandon();
  #heartbeats = 0;

  constructor(options: SimulatedMeshOptions) {
    const { plugins = 1_000, prefix = 'simulated' } = options;
    this.#options = options;
    this.plugins = Array.from({ length: plugins }, (_, i) => `${prefix}-${String(i).padStart(4, '0')}`);
  }

  get instances(): SimulatedInstance[] {
    return [...this.#instances.values()].flat();
  }

  /** How many were published so far, by all. */
  get heartbeats(): number {
    return this.#heartbeats;
  }

  /** Of one plugin; none of one that is not simulated. */
  instancesOf(pluginId: string): readonly SimulatedInstance[] {
    return this.#instances.get(pluginId) ?? [];
  }

  async start(): Promise<void> {
    const { instances = 2_000, heartbeatMs = heartbeatDefaultMs, signal } = this.#options;
    signal?.addEventListener('abort', this.#abandon, { once: true });
    await this.#connect();
    const definitions = this.plugins.map(simulatedPlugin);
    const count = Math.max(instances, definitions.length);
    const all = Array.from({ length: count }, (_, i) => {
      const plugin = definitions[i % definitions.length]!;
      const connection = this.#connections[i % this.#connections.length]!;
      const onHeartbeat = (): void => void (this.#heartbeats += 1);
      return new SimulatedInstance({ plugin, connection, heartbeatMs, onHeartbeat });
    });
    for (const one of all) this.#instances.set(one.pluginId, [...this.instancesOf(one.pluginId), one]);
    for (let from = 0; from < all.length; from += atOnce) await this.#begin(all.slice(from, from + atOnce));
  }

  /** Ends all instances in order, then their connections. */
  async end(): Promise<void> {
    await Promise.all(this.instances.map((one) => one.end()));
    await this.abandon();
  }

  /** Closes the connections without a word of the instances. */
  async abandon(): Promise<void> {
    this.#options.signal?.removeEventListener('abort', this.#abandon);
    for (const one of this.instances) one.silence();
    await Promise.all(this.#connections.splice(0).map((connection) => connection.close()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }

  async #connect(): Promise<void> {
    const { servers, credentials, connections = 4, signal } = this.#options;
    for (let i = 0; i < connections; i += 1) {
      const connection = await connect({
        servers: [...servers],
        credentials,
        name: `simulated mesh ${i}`,
        identity: ['simulated', createToken()],
        log: createLogger({}, { level: 'error' }),
        ...(signal && { signal }),
      });
      this.#connections.push(connection);
    }
  }

  /** Each step of a start waits until the broker has the one before. */
  async #begin(some: readonly SimulatedInstance[]): Promise<void> {
    const { signal } = this.#options;
    for (const step of [
      (one: SimulatedInstance) => one.announce(),
      (one: SimulatedInstance) => one.join(),
      (one: SimulatedInstance) => one.say('running'),
    ]) {
      signal?.throwIfAborted();
      some.forEach(step);
      await Promise.all(this.#connections.map((connection) => connection.flush()));
    }
  }
}
