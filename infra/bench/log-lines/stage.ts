import path from 'node:path';
import type { Manifest } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import { MeshFolders } from '../mesh-folders.ts';
import { Mesh } from '../replace/mesh.ts';
import { Listener } from './listener.ts';

export const printer = 'printer';

const manifest: Manifest = {
  id: printer,
  version: '1.0.0',
  command: ['node', path.join(import.meta.dirname, 'plugins/printer.ts')],
  autostart: true,
  config: { resources: { timeout_secs: 900 } },
};
const startMostMs = 60_000;

/** `bkg up` with a plugin that prints, and a socket that follows its log. */
export class Stage implements AsyncDisposable {
  readonly #stack: AsyncDisposableStack;
  readonly mesh: Mesh;
  readonly listener: Listener;

  static async start(): Promise<Stage> {
    await using starting = new AsyncDisposableStack();
    const folders = starting.use(new MeshFolders('log-lines'));
    folders.addPlugin(manifest);
    const mesh = starting.use(await Mesh.start(folders));
    await eventually(async () => (await mesh.plugin(printer)).status === 'running', {
      withinMs: startMostMs,
      everyMs: 200,
    });
    const url = `http://127.0.0.1:${mesh.httpPort}`;
    const listener = starting.use(await Listener.open(url, mesh.apiKey, printer));
    return new Stage(starting.move(), mesh, listener);
  }

  constructor(stack: AsyncDisposableStack, mesh: Mesh, listener: Listener) {
    this.#stack = stack;
    this.mesh = mesh;
    this.listener = listener;
  }

  /** Lets it print, until it has. @returns how many lines */
  async print(order: { perSecond: number; seconds: number; bytes: number }): Promise<number> {
    const timeoutMs = order.seconds * 1_000 + startMostMs;
    const { status, body } = await this.mesh.order(printer, 'invoke/print', order, timeoutMs);
    const { printed } = body as { printed?: number };
    if (printed === undefined) throw new Error(`printing was answered ${status}: ${JSON.stringify(body)}`);
    return printed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}
