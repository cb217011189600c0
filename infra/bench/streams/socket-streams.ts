import { once } from 'node:events';
import type { ChunkFrame, ClientFrame, GatewayFrame } from '@bkg/sdk/protocol';
import { streamer } from './plugin.ts';

interface Running {
  take: (frame: GatewayFrame) => void;
}

const openMostMs = 10_000;

/** One socket to `/ws`, without the SDK: it gives credit when half of a window is read, as PROTOCOL.md says. */
export class SocketStreams implements Disposable {
  readonly #socket: WebSocket;
  readonly #running = new Map<string, Running>();
  #next = 0;

  static async open(port: number): Promise<SocketStreams> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`);
    const streams = new SocketStreams(socket);
    await once(socket, 'open', { signal: AbortSignal.timeout(openMostMs) });
    return streams;
  }

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => this.#take(String(data)));
    socket.addEventListener('close', ({ code, reason }) => this.#lose(`${code} ${reason}`));
  }

  /** The lengths of the chunks, in their order. @throws Error for what ends it before its result */
  async *stream(capability: string, payload: object, window: number): AsyncGenerator<number, void, void> {
    const id = String((this.#next += 1));
    const waiting: GatewayFrame[] = [];
    let arrival = Promise.withResolvers<void>();
    const take = (frame: GatewayFrame): void => {
      waiting.push(frame);
      arrival.resolve();
    };
    this.#running.set(id, { take });
    this.#send({ op: 'invoke', id, plugin: streamer, capability, payload, stream: window });
    let [expected, read] = [0, 0];
    try {
      for (;;) {
        const frame = waiting.shift();
        if (!frame) {
          await arrival.promise;
          arrival = Promise.withResolvers();
          continue;
        }
        if (frame.type === 'result') return;
        if (frame.type !== 'chunk')
          throw new Error(`the stream ended with ${JSON.stringify(frame).slice(0, 500)}`);
        if (frame.seq !== expected)
          throw new Error(`chunk ${frame.seq} has come in the place of ${expected}`);
        expected += 1;
        yield lengthOf(frame);
        read += 1;
        if (read < Math.max(1, window / 2)) continue;
        this.#send({ op: 'credit', id, credit: read });
        read = 0;
      }
    } finally {
      // Of one that has ended it is no error.
      if (this.#running.delete(id)) this.#send({ op: 'cancel', id });
    }
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }

  #send(frame: ClientFrame): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(frame));
  }

  #take(text: string): void {
    const frame = JSON.parse(text) as GatewayFrame;
    if (!('id' in frame) || frame.id === undefined) return;
    const running = this.#running.get(frame.id);
    if (frame.type === 'result' || frame.type === 'error') this.#running.delete(frame.id);
    running?.take(frame);
  }

  #lose(why: string): void {
    const problem = { code: 'LOST', detail: `the socket was closed: ${why}` } as never;
    for (const [id, { take }] of this.#running) take({ type: 'error', id, problem });
    this.#running.clear();
  }
}

/** Of a text, as JSON without anything to escape. */
function lengthOf({ chunk }: ChunkFrame): number {
  return typeof chunk === 'string' ? chunk.length + 2 : 0;
}
