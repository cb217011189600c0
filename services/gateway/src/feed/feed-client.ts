import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { goodbye } from '../ws/clients.ts';
import type { Client, Clients } from '../ws/clients.ts';
import { closeCodes } from '../ws/close-codes.ts';
import { FrameWriter } from '../ws/frame-writer.ts';
import { FrameQueue } from './frame-queue.ts';

/** Of a frame. The clients of a feed have nothing to say; more than this ends the socket. */
const incomingMostBytes = 4_096;

/** One client of a feed. */
export class FeedClient implements Client {
  readonly #queue: FrameQueue;
  readonly #writer: FrameWriter;

  /** @param tcp the connection below `socket` */
  constructor(clients: Clients, socket: WebSocket, tcp: Socket) {
    this.#queue = new FrameQueue(clients.linesMostBytes);
    this.#writer = new FrameWriter(socket, tcp, this.#queue, clients.turns, clients.options);
    // Read and ignored: a later client may have something to say.
    socket.on('message', ({ length }: Buffer) => {
      if (length > incomingMostBytes)
        this.close(closeCodes.tooLarge, `At most ${incomingMostBytes} bytes are taken.`);
    });
    clients.add(this, socket);
  }

  status(plugin: Buffer): void {
    this.#queue.status(plugin);
    this.#writer.wake();
  }

  telemetry(telemetry: Buffer): void {
    this.#queue.telemetry(telemetry);
    this.#writer.wake();
  }

  log(line: Buffer): void {
    this.#queue.log(line);
    this.#writer.wake();
  }

  check(): void {
    this.#writer.check();
  }

  stop(): void {
    this.close(closeCodes.goingAway, goodbye);
  }

  close(code: number, reason: string): void {
    this.#writer.close(code, reason);
  }
}
