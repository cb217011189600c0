import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Kvm } from '@nats-io/kv';
import type { KV } from '@nats-io/kv';
import type { Msg } from '@nats-io/nats-core';
import type { FastifyInstance } from 'fastify';
import { buckets, configDefaults, leaseKey, patterns, pluginIdOf, subjects } from '@bkg/sdk';
import type { Connection, PluginTelemetry, RegistryEntry, Status } from '@bkg/sdk';
import { eventually, silentLogger, startNatsServer } from '@bkg/sdk/testing';
import type { TestServer, TestServerOptions } from '@bkg/sdk/testing';
// For what they add to Fastify's types.
import type {} from '../src/mesh/broker-link.ts';
import type {} from '../src/mesh/mesh-watch.ts';
import { createServer } from '../src/server.ts';
import type { ServerOptions } from '../src/server.ts';
import type { Settings } from '../src/settings.ts';

/** What a test sets itself. */
export type GatewayOptions = Omit<Partial<ServerOptions>, 'settings'> & { settings?: Partial<Settings> };

export interface TestMesh extends AsyncDisposable {
  nats: TestServer;
  app: FastifyInstance;
  /** http://127.0.0.1:<port> */
  url: string;
  port: number;
  supervisor: FakeSupervisor;
  /** For plugins and onlookers of the test. */
  peer: Connection;
}

/** A gateway in this process, before a real broker, with the registry that a supervisor would write. */
export async function startMesh(
  options: GatewayOptions = {},
  server: TestServerOptions = {},
): Promise<TestMesh> {
  const nats = await startNatsServer(server);
  const supervisor = new FakeSupervisor(await nats.connect('supervisor'));
  await supervisor.start();
  const app = await startGateway(nats, options);
  const peer = await nats.connect('peer');
  await eventually(() => app.catalog.ready && !app.catalog.leaseIsStale);
  const { port } = app.server.address() as AddressInfo;
  return {
    nats,
    app,
    url: `http://127.0.0.1:${port}`,
    port,
    supervisor,
    peer,
    async [Symbol.asyncDispose]() {
      supervisor.stop();
      await app.close();
      await nats.stop();
    },
  };
}

/** A gateway alone, listening on a free port. */
export async function startGateway(
  nats: Pick<TestServer, 'url' | 'credentials'>,
  options: GatewayOptions = {},
): Promise<FastifyInstance> {
  const app = await createServer({
    log: silentLogger,
    ...options,
    settings: {
      home: tmpdir(),
      servers: [nats.url],
      credentials: nats.credentials,
      host: '127.0.0.1',
      port: 0,
      dashboard: path.join(tmpdir(), 'no-such-build'),
      // Who may do what is tried by access-*.test.ts.
      noAuth: true,
      ...options.settings,
    },
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  return app;
}

type Answer = (msg: Msg, id: string) => { data: string; headers?: Record<string, string> } | undefined;

/** Writes the two buckets as the supervisor does, and answers what it is told to answer. */
export class FakeSupervisor {
  readonly connection: Connection;
  #registry: KV | undefined;
  #lease: KV | undefined;
  #renewals: NodeJS.Timeout | undefined;
  #epoch = 1;

  constructor(connection: Connection) {
    this.connection = connection;
  }

  /** Makes the buckets and renews the lease from now on. */
  async start(): Promise<void> {
    clearInterval(this.#renewals);
    await eventually(() => this.connection.connected);
    const kvm = new Kvm(this.connection.nats);
    this.#registry = await kvm.create(buckets.registry, { storage: 'memory' as never });
    this.#lease = await kvm.create(buckets.lease, { storage: 'memory' as never, ttl: 10_000 });
    await this.#renew();
    this.#renewals = setInterval(() => {
      // A broker that the test has just killed: the next one tells.
      this.#renew().catch(() => undefined);
    }, 500);
  }

  /** Falls silent, as if it had crashed. */
  stop(): void {
    clearInterval(this.#renewals);
    this.#epoch += 1;
  }

  async put(entry: RegistryEntry): Promise<void> {
    await this.#registry?.put(entry.id, JSON.stringify(entry));
  }

  async remove(id: string): Promise<void> {
    await this.#registry?.delete(id);
  }

  control(verb: string, answer: Answer): void {
    this.#answer(patterns.controlBy(verb), answer);
  }

  logs(answer: Answer): void {
    this.#answer(patterns.logs, answer);
  }

  history(answer: Answer): void {
    this.#answer(patterns.history, answer);
  }

  /** What it has heard of a plugin, as `bkg.registry.get.<id>` gives it. */
  get(answer: Answer): void {
    this.#answer(patterns.registryGet, answer);
  }

  audit(answer: Answer): void {
    this.#answer(subjects.auditList, answer);
  }

  list(answer: Answer): void {
    this.#answer(subjects.registryList, answer);
  }

  #answer(subject: string, answer: Answer): void {
    this.connection.subscribe(subject, {
      callback: (error, msg) => {
        const reply = error ? undefined : answer(msg, pluginIdOf(msg.subject));
        if (reply) this.connection.respond(msg, reply.data, reply.headers);
      },
    });
  }

  async #renew(): Promise<void> {
    const lease = {
      host: 'here',
      pid: 1,
      process_started: '1',
      epoch: this.#epoch,
      renewed_at: new Date().toISOString(),
    };
    await this.#lease?.put(leaseKey, JSON.stringify(lease));
  }
}

/** A registry entry; `capabilities` by id. */
export function entryOf(
  id: string,
  status: Status = 'running',
  {
    capabilities = ['echo'],
    ...others
  }: Partial<Omit<RegistryEntry, 'capabilities'>> & { capabilities?: string[] } = {},
): RegistryEntry {
  return {
    id,
    name: id,
    version: '1.0.0',
    description: 'For tests.',
    author: '',
    status,
    versions: ['1.0.0'],
    capabilities: capabilities.map((capability) => ({
      id: capability,
      name: capability,
      description: '',
      input_schema: {},
      output_schema: {},
      stream: false,
      upload: false,
      idempotent: false,
    })),
    config: { id, ...configDefaults },
    instances:
      status === 'stopped'
        ? []
        : [
            {
              instance: `${id}-1`,
              status,
              version: '1.0.0',
              host: 'here',
              managed: true,
              started_at: new Date().toISOString(),
            },
          ],
    observed_at: new Date().toISOString(),
    ...others,
  };
}

/** Answers one capability of a plugin without the SDK, from when the broker knows of it. */
export async function serve(
  peer: Connection,
  id: string,
  capability: string,
  answer: (msg: Msg) => void,
): Promise<void> {
  peer.subscribe(subjects.invokeCapability(id, capability), {
    queue: 'q',
    callback: (error, msg) => {
      if (!error) answer(msg);
    },
  });
  await peer.nats.flush();
}

export function telemetryOf(id: string, values: Partial<PluginTelemetry> = {}): PluginTelemetry {
  return {
    plugin_id: id,
    cpu_percent: 1,
    memory_mb: 10,
    uptime_secs: 5,
    request_count: 3,
    error_count: 0,
    last_error: '',
    in_flight: 0,
    queue_depth: 0,
    event_loop_lag_ms: 0,
    instances: 1,
    latency_ms: { p50: 0, p95: 0, p99: 0 },
    latency_buckets: [[1, 3]],
    ...values,
  };
}

export function heartbeatOf(id: string, values: Partial<PluginTelemetry> = {}): object {
  return {
    seq: 1,
    status: 'running',
    version: '1.0.0',
    started_at: new Date().toISOString(),
    descriptor: 'd',
    telemetry: telemetryOf(id, values),
  };
}

/** Publishes a heartbeat of an instance. */
export function beat(
  peer: Connection,
  id: string,
  instance: string,
  values: Partial<PluginTelemetry> = {},
): void {
  peer.publish(subjects.event(id, instance, 'telemetry'), JSON.stringify(heartbeatOf(id, values)));
}

/** A folder that goes with the test. */
export async function temporaryFolder(): Promise<{ folder: string } & AsyncDisposable> {
  const folder = await mkdtemp(path.join(tmpdir(), 'bkg-gateway-'));
  return { folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}
