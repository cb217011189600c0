import { readFileSync } from 'node:fs';
import path from 'node:path';
import { accessPlugin, BkgError, createLogger, problemOfMsg, subjects } from '@bkg/sdk';
import type { Connection, Manifest, PluginInfo } from '@bkg/sdk';
import { createKey, hashSecret, Keeper } from '@bkg/sdk/access';
import { homePaths } from '@bkg/sdk/host';
import { eventually, startNatsServer } from '@bkg/sdk/testing';
import type { TestServer } from '@bkg/sdk/testing';
import { stopPlugins } from '../../../services/supervisor/dist/stop-plugins.js';
import { MeshFolders } from '../mesh-folders.ts';
import { Program } from '../program.ts';
import { culprits } from './options.ts';
import type { Culprit } from './options.ts';

export const neighbour = 'neighbour';

/** A culprit that is stopped says nothing to SIGTERM. */
const graceMs = 500;

/** The supervisor answers within 60 s. */
const answerMostMs = 70_000;
const orderMostMs = 10_000;
const startMostMs = 20_000;

/** nats-server, supervisor and gateway, each in a process of its own, with a neighbour that runs and culprits that do not. */
export class Stage implements AsyncDisposable {
  readonly #stack: AsyncDisposableStack;
  readonly #peer: Connection;
  readonly nats: TestServer;
  readonly httpPort: number;
  /** Of somebody who may do everything. */
  readonly apiKey: string;

  static async start(): Promise<Stage> {
    const stack = new AsyncDisposableStack();
    try {
      const folders = stack.use(new MeshFolders('neighbours'));
      const { home, plugins } = folders;
      // Also when there is no supervisor any more that could do it.
      stack.defer(() => endPlugins(home));
      for (const manifest of [keeper(), ...manifests()]) folders.addPlugin(manifest);
      const nats = stack.use(await startNatsServer());
      const { url, credentials } = nats;
      const broker = { url, credentials };
      stack.use(await Program.start('supervisor.ts', { ...broker, home, plugins, graceMs }));
      const gateway = stack.use(await Program.start('gateway.ts', { ...broker, joinWrites: true }));
      const peer = await nats.connect('neighbours');
      const key = createKey();
      const proof = { prefix: key.prefix, hash: hashSecret(key.secret) };
      await eventually(() => new Keeper(peer).ensureAdmin(proof), { withinMs: startMostMs, everyMs: 200 });
      const stage = new Stage({ stack, peer, nats, apiKey: key.text, httpPort: Number(gateway.ready) });
      await stage.order('start', neighbour);
      await eventually(async () => (await stage.get(neighbour)).capabilities.length > 0);
      return stage;
    } catch (error) {
      await stack.disposeAsync();
      throw error;
    }
  }

  constructor(
    parts: Pick<Stage, 'nats' | 'httpPort' | 'apiKey'> & { stack: AsyncDisposableStack; peer: Connection },
  ) {
    this.#stack = parts.stack;
    this.#peer = parts.peer;
    this.nats = parts.nats;
    this.httpPort = parts.httpPort;
    this.apiKey = parts.apiKey;
  }

  /** @throws BkgError that was answered */
  order(verb: 'start' | 'stop', id: string): Promise<PluginInfo> {
    // A supervisor that has lost touch with the broker for a moment says so.
    return eventually(() => this.#ask(subjects.control(verb, id)), { withinMs: orderMostMs, everyMs: 500 });
  }

  get(id: string): Promise<PluginInfo> {
    return this.#ask(subjects.registryGet(id));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }

  async #ask(subject: string): Promise<PluginInfo> {
    const msg = await this.#peer.request(subject, '{}', { timeoutMs: answerMostMs });
    const problem = problemOfMsg(msg);
    if (problem) throw BkgError.from(problem);
    return msg.json<PluginInfo>();
  }
}

async function endPlugins(home: string): Promise<void> {
  const log = createLogger({}, { level: 'error' });
  if (!(await stopPlugins({ paths: homePaths(home), log, graceMs: 0 })))
    throw new Error(`Plugins of ${home} still run.`);
}

/** The project's plugin that keeps the API keys: the gateway asks it, as in every mesh. */
function keeper(): Manifest {
  const folder = path.join(import.meta.dirname, '../../../plugins', accessPlugin);
  const manifest = JSON.parse(readFileSync(path.join(folder, 'plugin.json'), 'utf8')) as Manifest;
  const [program = '', ...args] = manifest.command;
  return {
    ...manifest,
    command: [program, ...args.map((file) => path.join(folder, file))],
    // Its program does not lie in its folder here.
    config: { ...manifest.config, sandbox: 'off' },
  };
}

function manifests(): Manifest[] {
  const program = (name: string): string[] => ['node', path.join(import.meta.dirname, 'plugins', name)];
  const culprit = (id: Culprit): Manifest => ({
    id,
    version: '1.0.0',
    command: program('culprit.ts'),
    config: { resources: { max_cpu_percent: 50, max_memory_mb: 150 } },
  });
  return [{ id: neighbour, version: '1.0.0', command: program('neighbour.ts') }, ...culprits.map(culprit)];
}
