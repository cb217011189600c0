import path from 'node:path';
import type { PluginInfo } from '@bkg/sdk/protocol';
import { eventually } from '@bkg/sdk/testing';
import { freePort } from '../chaos/free-port.ts';
import { Mesh } from '../chaos/mesh.ts';
import { Processes } from '../chaos/processes.ts';
import { Folders, pluginIds } from './folders.ts';
import { fillOf, otherRoutes } from './ways/grounds.ts';
import type { Grounds, Keys } from './ways/grounds.ts';

const diagnosis = path.join(import.meta.dirname, '../soak/plugins/diagnosis.mjs');
/** What nats-server needs no more it gives back then, and what is resident of it is what is in use. */
const env = { GOMEMLIMIT: '64MiB' };
const startMostMs = 180_000;
const answerMostMs = 10_000;

/** A mesh as its user starts it, with plugins that are there to be used badly. Ends with everything that it has started. */
export class Stage implements AsyncDisposable {
  readonly mesh: Mesh;
  readonly folders: Folders;
  readonly processes: Processes;
  readonly #stack: AsyncDisposableStack;
  readonly #ports: { httpPort: number; busPort: number };

  static async start(): Promise<Stage> {
    await using starting = new AsyncDisposableStack();
    const folders = starting.use(new Folders());
    const ports = { httpPort: await freePort(), busPort: await freePort() };
    const processes = new Processes(folders.home);
    const mesh = new Mesh({ folders, ...ports, relays: new Map(), preload: diagnosis, env });
    starting.defer(() => mesh.close());
    starting.defer(() => mesh.kill(processes));
    await mesh.start();
    const stage = new Stage({ mesh, folders, processes, ports, stack: starting.move() });
    await eventually(() => stage.#allRun(), { withinMs: startMostMs, everyMs: 200 });
    return stage;
  }

  constructor(parts: {
    mesh: Mesh;
    folders: Folders;
    processes: Processes;
    ports: { httpPort: number; busPort: number };
    stack: AsyncDisposableStack;
  }) {
    this.mesh = parts.mesh;
    this.folders = parts.folders;
    this.processes = parts.processes;
    this.#ports = parts.ports;
    this.#stack = parts.stack;
  }

  async grounds(): Promise<Grounds> {
    const { httpPort: port, busPort } = this.#ports;
    const keys: Keys = {
      admin: this.mesh.apiKey,
      key: await this.newKey('fuzzer', ['read', 'invoke', 'control:spare', 'control:ghost']),
      narrow: await this.newKey('narrow', ['read:target']),
    };
    const { paths } = await this.get<{ paths: Record<string, object> }>('/api/openapi.json');
    const documented = Object.entries(paths).flatMap(([route, methods]) =>
      Object.keys(methods)
        .filter((method) => /^(?:get|post|put|patch|delete)$/.test(method))
        .map((method) => `${method.toUpperCase()} ${route}`),
    );
    const [target] = (await this.get<PluginInfo>('/api/plugins/target')).instances;
    return {
      port,
      busPort,
      home: this.folders.home,
      plugins: this.folders.plugins,
      instance: target?.instance ?? '',
      credentials: this.mesh.credentials,
      // Which capabilities a plugin has depends on what was started first.
      routes: [...documented.filter((route) => !/\/plugins\/[a-z]/.test(route)).sort(), ...otherRoutes],
      secrets: [keys.key, keys.admin, keys.narrow].map((key) => key.split('_')[2] ?? key),
      fill: fillOf(keys, `127.0.0.1:${port}`),
    };
  }

  /** @returns the whole of it */
  async newKey(name: string, scopes: string[], broker = false): Promise<string> {
    const { secret } = await this.#send<{ secret: string }>('/api/keys', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name, scopes, broker }),
    });
    return secret;
  }

  get<T>(address: string): Promise<T> {
    return this.#send(address, {});
  }

  /** What is not gone is still looked at: it ends as its user would end it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.mesh.stop();
    await this.#stack.disposeAsync();
  }

  async #send<T>(address: string, init: RequestInit): Promise<T> {
    const { url, headers } = this.mesh;
    const response = await fetch(`${url}${address}`, {
      ...init,
      headers: { ...headers, ...init.headers },
      signal: AbortSignal.timeout(answerMostMs),
    });
    if (response.ok) return (await response.json()) as T;
    throw new Error(`${address} was answered ${response.status}: ${await response.text()}`);
  }

  async #allRun(): Promise<boolean> {
    const all = await this.get<PluginInfo[]>('/api/plugins');
    return pluginIds.every((id) => all.some((one) => one.id === id && one.status === 'running'));
  }
}
