import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Manifest } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import type { Pids } from '../memory.ts';
import { Mesh } from '../replace/mesh.ts';
import { parts } from './options.ts';
import { neighbour, plans, toggled } from './parts.ts';

/** Whose memory is looked at: the parts of the mesh, and the plugin that is overloaded. */
export const processes = ['gateway', 'nats-server', 'supervisor', 'plugin'] as const;
export type ProcessName = (typeof processes)[number];

const startMostMs = 120_000;

/** `bkg up`, as anybody starts it, with the plugins of all parts. */
export class Stage implements AsyncDisposable {
  readonly #stack: AsyncDisposableStack;
  readonly #home: string;
  readonly mesh: Mesh;

  static async start(): Promise<Stage> {
    await using starting = new AsyncDisposableStack();
    const root = mkdtempSync(path.join(tmpdir(), 'bkg-overload-'));
    starting.defer(() => rmSync(root, { recursive: true, force: true }));
    // Plugins may run under users of their own, who must get to their folders.
    chmodSync(root, 0o711);
    const [home, plugins] = [path.join(root, 'home'), path.join(root, 'plugins')];
    const manifests = [...parts.map((part) => manifestOf(plans[part])), ...besides];
    for (const manifest of manifests) write(plugins, manifest);
    const mesh = starting.use(await Mesh.start({ home, plugins }));
    for (const { id } of manifests)
      await eventually(() => runs(mesh, id), { withinMs: startMostMs, everyMs: 200 });
    return new Stage(starting.move(), home, mesh);
  }

  constructor(stack: AsyncDisposableStack, home: string, mesh: Mesh) {
    this.#stack = stack;
    this.#home = home;
    this.mesh = mesh;
  }

  /** @param plugin the one that is overloaded */
  async pids(plugin: string): Promise<Pids<ProcessName>> {
    const record = JSON.parse(readFileSync(path.join(this.#home, 'run/up.json'), 'utf8')) as {
      parts: Record<Exclude<ProcessName, 'plugin'>, { pid: number }>;
    };
    const { instances } = await this.mesh.plugin(plugin);
    const pid = instances[0]?.pid;
    if (pid === undefined) throw new Error(`${plugin} has no process`);
    const { gateway, supervisor, 'nats-server': natsServer } = record.parts;
    return {
      gateway: gateway.pid,
      'nats-server': natsServer.pid,
      supervisor: supervisor.pid,
      plugin: pid,
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

function manifestOf({ plugin, handlerMs, limits }: (typeof plans)['work']): Manifest {
  return {
    id: plugin,
    version: '1.0.0',
    command: ['node', path.join(import.meta.dirname, 'plugins/overloaded.ts')],
    autostart: true,
    config: { limits, env: { OVERLOAD_MS: String(handlerMs) } },
  };
}

const besides = [neighbour, toggled].map((plugin) =>
  manifestOf({ ...plans.echo, plugin, handlerMs: 0, limits: {} }),
);

function write(plugins: string, manifest: Manifest): void {
  const folder = path.join(plugins, manifest.id);
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'plugin.json'), JSON.stringify(manifest));
}

async function runs(mesh: Mesh, id: string): Promise<boolean> {
  const { status, capabilities } = await mesh.plugin(id);
  return status === 'running' && capabilities.length > 0;
}
