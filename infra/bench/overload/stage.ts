import path from 'node:path';
import type { Manifest } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import type { Pids } from '../memory.ts';
import { MeshFolders } from '../mesh-folders.ts';
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
  readonly mesh: Mesh;

  static async start(): Promise<Stage> {
    await using starting = new AsyncDisposableStack();
    const folders = starting.use(new MeshFolders('overload'));
    const manifests = [...parts.map((part) => manifestOf(plans[part])), ...besides];
    for (const manifest of manifests) folders.addPlugin(manifest);
    const mesh = starting.use(await Mesh.start(folders));
    for (const { id } of manifests)
      await eventually(() => runs(mesh, id), { withinMs: startMostMs, everyMs: 200 });
    return new Stage(starting.move(), mesh);
  }

  constructor(stack: AsyncDisposableStack, mesh: Mesh) {
    this.#stack = stack;
    this.mesh = mesh;
  }

  /** @param plugin the one that is overloaded */
  async pids(plugin: string): Promise<Pids<ProcessName>> {
    const { instances } = await this.mesh.plugin(plugin);
    const pid = instances[0]?.pid;
    if (pid === undefined) throw new Error(`${plugin} has no process`);
    return { ...this.mesh.pids, plugin: pid };
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

async function runs(mesh: Mesh, id: string): Promise<boolean> {
  const { status, capabilities } = await mesh.plugin(id);
  return status === 'running' && capabilities.length > 0;
}
