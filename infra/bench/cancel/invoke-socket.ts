import { once } from 'node:events';
import type { ClientFrame } from '@bkg/sdk/protocol';
import { sleeper } from './plugin.ts';

const openMostMs = 10_000;

/** A socket to `/ws` that begins invocations and cancels them; what becomes of them the plugin tells. */
export class InvokeSocket implements Disposable {
  readonly #socket: WebSocket;

  static async open(port: number): Promise<InvokeSocket> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`);
    await once(socket, 'open', { signal: AbortSignal.timeout(openMostMs) });
    return new InvokeSocket(socket);
  }

  constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  invoke(id: string, payload: object): void {
    this.#send({ op: 'invoke', id, plugin: sleeper, capability: 'sleep', payload });
  }

  cancel(id: string): void {
    this.#send({ op: 'cancel', id });
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }

  #send(frame: ClientFrame): void {
    this.#socket.send(JSON.stringify(frame));
  }
}
