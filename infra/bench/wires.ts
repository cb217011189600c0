import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { readAnswers } from './load.ts';
import type { Answer } from './load.ts';

export interface WiresOptions {
  port: number;
  /** Where they come from. @default '127.0.0.1' */
  localAddress?: string;
  /** Of connections at a time. @default 256 */
  most?: number;
}

interface Wire {
  socket: Socket;
  settle: PromiseWithResolvers<Answer> | undefined;
}

const answerMostMs = 10_000;

/** Kept-alive connections from one address, each with one request at a time: as many as are needed. */
export class Wires implements Disposable {
  readonly #options: Required<WiresOptions>;
  readonly #free: Wire[] = [];
  readonly #all = new Set<Wire>();

  constructor(options: WiresOptions) {
    this.#options = { localAddress: '127.0.0.1', most: 256, ...options };
  }

  /** @returns the status of the answer. @throws what `exchange` throws */
  async ask(request: Buffer | string): Promise<number> {
    return (await this.exchange(request)).status;
  }

  /** @returns the whole answer. @throws Error without one within 10 s, or when too much is unanswered */
  async exchange(request: Buffer | string): Promise<Answer> {
    const wire = this.#free.pop() ?? this.#open();
    const settle = Promise.withResolvers<Answer>();
    wire.settle = settle;
    const late = setTimeout(() => wire.socket.destroy(new Error('no answer within 10 s')), answerMostMs);
    wire.socket.write(request);
    try {
      const answer = await settle.promise;
      this.#free.push(wire);
      return answer;
    } finally {
      clearTimeout(late);
    }
  }

  [Symbol.dispose](): void {
    for (const { socket } of this.#all) socket.destroy();
  }

  #open(): Wire {
    const { port, localAddress, most } = this.#options;
    if (this.#all.size >= most) throw new Error(`${most} requests are not answered yet`);
    const socket = connect({ port, host: '127.0.0.1', localAddress });
    const wire: Wire = { socket, settle: undefined };
    this.#all.add(wire);
    socket.setNoDelay(true);
    readAnswers(socket, (answer) => wire.settle?.resolve(answer));
    socket.once('error', (error) => wire.settle?.reject(error));
    socket.once('close', () => {
      this.#all.delete(wire);
      // One that nobody uses: a request on it would wait for an answer that cannot come.
      const place = this.#free.indexOf(wire);
      if (place >= 0) this.#free.splice(place, 1);
      wire.settle?.reject(new Error('the gateway has closed a connection'));
    });
    return wire;
  }
}
