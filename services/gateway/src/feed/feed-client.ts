import type { WebSocket } from 'ws';
import { FrameQueue } from './frame-queue.ts';

export interface FeedClientOptions {
  /** Log lines that wait for a slow client; beyond, the oldest are dropped. @default 1 MiB */
  queueMostBytes?: number;
  /** What is handed to the socket at once: that much more may wait in the kernel. @default 256 KiB */
  socketMostBytes?: number;
}

const open = 1 satisfies WebSocket['readyState'];

/** One socket, given no more than it takes. */
export class FeedClient {
  readonly #socket: WebSocket;
  readonly #queue: FrameQueue;
  readonly #socketMostBytes: number;
  #isAlive = true;

  constructor(socket: WebSocket, options: FeedClientOptions = {}) {
    const { queueMostBytes = 1024 * 1024, socketMostBytes = 256 * 1024 } = options;
    this.#socket = socket;
    this.#queue = new FrameQueue(queueMostBytes);
    this.#socketMostBytes = socketMostBytes;
    socket.on('pong', () => (this.#isAlive = true));
  }

  status(frame: Buffer): void {
    this.#queue.status(frame);
    this.#pump();
  }

  telemetry(frame: Buffer): void {
    this.#queue.telemetry(frame);
    this.#pump();
  }

  log(frame: Buffer): void {
    this.#queue.log(frame);
    this.#pump();
  }

  /** To be called at intervals: ends a socket whose other end has not answered since the last time. */
  check(): void {
    if (!this.#isAlive) return this.#socket.terminate();
    this.#isAlive = false;
    this.#socket.ping();
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }

  /** Ends it without regard to the other end. */
  terminate(): void {
    this.#socket.terminate();
  }

  readonly #pump = (): void => {
    while (this.#socket.readyState === open && this.#socket.bufferedAmount < this.#socketMostBytes) {
      const frame = this.#queue.next();
      if (!frame) return;
      // Goes on when the socket has taken it, if there is still something to send.
      this.#socket.send(frame, { binary: false }, this.#pump);
    }
  };
}
