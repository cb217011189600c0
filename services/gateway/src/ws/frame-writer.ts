import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import type { OutFrame } from './out-frame.ts';
import type { Turns } from './turns.ts';

export interface FrameWriterOptions {
  /** What is handed to the socket at once: that much more may wait in the kernel. @default 256 KiB */
  socketMostBytes?: number;
}

export interface FrameSource {
  /** The next frame to send, which is then no longer in the source. */
  next(): OutFrame | undefined;
}

const open = 1 satisfies WebSocket['readyState'];
/** For the other end's close frame. */
const closeWaitMs = 1_000;
/** As long as something waits for it. */
const silencesMost = 4;
/** A body from this size on is sent as a fragment of its own, and is the same memory for all clients. */
const fragmentBytes = 16 * 1024;

/** One socket, given no more than it takes. */
export class FrameWriter {
  readonly #socket: WebSocket;
  readonly #tcp: Socket;
  readonly #source: FrameSource;
  readonly #turns: Turns;
  readonly #socketMostBytes: number;
  #isFull = false;
  #isCorked = false;
  #isAlive = true;
  /** How often in a row nothing was heard. */
  #silences = 0;

  /** @param tcp the connection below `socket`, of which ws shows nothing */
  constructor(
    socket: WebSocket,
    tcp: Socket,
    source: FrameSource,
    turns: Turns,
    { socketMostBytes = 256 * 1024 }: FrameWriterOptions = {},
  ) {
    this.#socket = socket;
    this.#tcp = tcp;
    this.#source = source;
    this.#turns = turns;
    this.#socketMostBytes = socketMostBytes;
    socket.on('pong', () => (this.#isAlive = true));
    socket.on('close', () => turns.delete(this));
  }

  /** There may be something to send. */
  wake(): void {
    if (!this.#isFull) this.#turns.add(this);
  }

  work(): void {
    this.#cork();
    while (this.#socket.readyState === open) {
      this.#isFull = this.#socket.bufferedAmount >= this.#socketMostBytes;
      const frame = this.#isFull ? undefined : this.#source.next();
      if (!frame) break;
      this.#send(frame);
    }
  }

  rest(): void {
    this.#isCorked = false;
    this.#tcp.uncork();
  }

  /** To be called at intervals: ends a socket whose other end has not answered for too long. */
  check(): void {
    this.#silences = this.#isAlive ? 0 : this.#silences + 1;
    // Before its answer it has to take what was sent before the question.
    const most = this.#socket.bufferedAmount > 0 ? silencesMost : 1;
    if (this.#silences >= most) return this.#socket.terminate();
    this.#isAlive = false;
    this.#socket.ping();
  }

  close(code: number, reason: string): void {
    if (this.#socket.readyState !== open) return;
    this.#socket.close(code, reason);
    const late = setTimeout(() => this.#socket.terminate(), closeWaitMs).unref();
    this.#socket.once('close', () => clearTimeout(late));
  }

  /** All frames of this turn go in one write to the kernel. */
  #cork(): void {
    if (this.#isCorked) return;
    this.#isCorked = true;
    this.#tcp.cork();
  }

  #send({ head, body, tail }: OutFrame): void {
    if (body.length < fragmentBytes) {
      this.#socket.send(joined(head, body, tail), { binary: false }, this.#sent);
      return;
    }
    this.#socket.send(head, { binary: false, fin: false });
    this.#socket.send(body, { binary: false, fin: tail === '' }, this.#sent);
    if (tail !== '') this.#socket.send(tail, { binary: false, fin: true });
  }

  readonly #sent = (): void => {
    // Its pong cannot arrive while nothing is read, but it takes what it is sent.
    if (this.#socket.isPaused) this.#isAlive = true;
    if (!this.#isFull || this.#socket.bufferedAmount >= this.#socketMostBytes) return;
    this.#isFull = false;
    this.wake();
  };
}

function joined(head: string, body: Uint8Array, tail: string): Buffer {
  const headBytes = Buffer.byteLength(head);
  const frame = Buffer.allocUnsafe(headBytes + body.length + tail.length);
  frame.write(head);
  frame.set(body, headBytes);
  frame.write(tail, headBytes + body.length);
  return frame;
}
