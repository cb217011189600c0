import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { frameOf, FrameReader, opcodes } from './frames.ts';
import { readEvent } from './event.ts';

export interface FollowerOptions {
  port: number;
  /** What it sends when it is there, and what the answer to that contains; without them it follows at once. */
  subscribe?: { send: string; answer: string };
  /** Of each event, in ms from when it was published. */
  onEvent: (latencyMs: number) => void;
}

const openMostMs = 30_000;
/** RFC 6455 asks for 16 random bytes, against caches between us: there are none. */
const handshake = (port: number): string =>
  [
    'GET /ws HTTP/1.1',
    `Host: 127.0.0.1:${port}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${Buffer.alloc(16, 7).toString('base64')}`,
    '\r\n',
  ].join('\r\n');

/**
 * One of very many sockets that follow the same events. On a bare socket, because who has a thousand of them shares the
 * machine with what is measured.
 */
export class Follower implements Disposable {
  readonly #socket: Socket;
  readonly #options: FollowerOptions;
  readonly #opened = Promise.withResolvers<void>();
  readonly #frames = new FrameReader();
  #head: string | undefined = '';
  #last = -1;
  received = 0;
  /** Events that were skipped, came twice, or in the wrong order; and frames that say that something is missing. */
  faults = 0;

  static async open(options: FollowerOptions): Promise<Follower> {
    const follower = new Follower(options);
    const late = setTimeout(() => follower.#fail(new Error('it was not open within 30 s')), openMostMs);
    try {
      await follower.#opened.promise;
    } finally {
      clearTimeout(late);
    }
    return follower;
  }

  constructor(options: FollowerOptions) {
    this.#options = options;
    this.#socket = connect(options.port, '127.0.0.1');
    this.#socket.setNoDelay(true);
    this.#socket.once('connect', () => this.#socket.write(handshake(options.port)));
    this.#socket.on('data', (chunk: Buffer) => this.#take(chunk));
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.on('close', () => this.#fail(new Error('the server has closed a socket')));
  }

  /** Counts from nothing again. */
  reset(): void {
    this.#last = -1;
    this.received = 0;
    this.faults = 0;
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    const bytes = this.#head === undefined ? chunk : this.#shakeHands(chunk);
    if (!bytes) return;
    try {
      for (const { opcode, payload } of this.#frames.take(bytes)) this.#hear(opcode, payload);
    } catch (error) {
      this.#socket.destroy(error as Error);
    }
  }

  /** @returns what comes after the answer; undefined while that is not whole */
  #shakeHands(chunk: Buffer): Buffer | undefined {
    const head = `${this.#head}${chunk.toString('latin1')}`;
    this.#head = head;
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) return undefined;
    this.#head = undefined;
    if (!head.startsWith('HTTP/1.1 101 ')) {
      this.#socket.destroy(new Error(`it was answered ${head.slice(0, 500)}`));
      return undefined;
    }
    const { subscribe } = this.#options;
    if (subscribe) this.#socket.write(frameOf(opcodes.text, subscribe.send));
    else this.#opened.resolve();
    return Buffer.from(head.slice(end + 4), 'latin1');
  }

  #hear(opcode: number, payload: Buffer): void {
    if (opcode === opcodes.ping) return void this.#socket.write(frameOf(opcodes.pong, payload));
    if (opcode !== opcodes.text) return;
    const event = readEvent(payload);
    if (event) {
      if (event.seq !== this.#last + 1) this.faults += 1;
      this.#last = event.seq;
      this.received += 1;
      this.#options.onEvent(event.ageMs);
      return;
    }
    if (payload.includes('"type":"dropped"')) this.faults += 1;
    if (payload.includes(this.#options.subscribe?.answer ?? '')) this.#opened.resolve();
  }

  /** Later than its opening it is missed: what has not come counts as lost. */
  #fail(error: Error): void {
    this.#opened.reject(error);
  }
}
