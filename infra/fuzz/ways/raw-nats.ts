import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { bufferOf } from '../grammar/bytes.ts';
import type { Bytes } from '../grammar/bytes.ts';

export interface RawMessage {
  subject: string;
  reply: string;
  /** As they came, `NATS/1.0` included; empty without headers. */
  headers: Bytes;
  body: Bytes;
}

export interface Publication {
  subject: Bytes;
  reply?: Bytes;
  /** What follows `NATS/1.0`. */
  headers?: Bytes;
  body: Bytes;
}

const connectMostMs = 10_000;

/** A client of nats-server without a library that could be in the way of what is sent. */
export class RawNats {
  readonly #socket: Socket;
  #bytes: Buffer = Buffer.alloc(0);
  #pongs: (() => void)[] = [];
  isClosed = false;
  /** What the server has complained about. */
  errors: string[] = [];
  onMessage: (message: RawMessage) => void = () => undefined;

  static async connect(
    port: number,
    { user, password }: { user: string; password: string },
  ): Promise<RawNats> {
    const socket = connect(port, '127.0.0.1');
    const client = new RawNats(socket);
    const options = {
      verbose: false,
      pedantic: false,
      lang: 'fuzz',
      version: '1',
      name: 'fuzz',
      protocol: 1,
    };
    const all = { ...options, headers: true, no_responders: true, user, pass: password };
    socket.write(`CONNECT ${JSON.stringify(all)}\r\n`);
    await client.flush(connectMostMs);
    return client;
  }

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (piece: Buffer) => this.#take(piece));
    socket.on('error', (error) => this.errors.push(error.message));
    socket.on('close', () => {
      this.isClosed = true;
      for (const pong of this.#pongs.splice(0)) pong();
    });
  }

  subscribe(subject: string, sid: number, queue = ''): void {
    this.#socket.write(`SUB ${subject} ${queue} ${sid}\r\n`);
  }

  unsubscribe(sid: number): void {
    if (!this.isClosed) this.#socket.write(`UNSUB ${sid}\r\n`);
  }

  publish({ subject, reply = '', headers, body }: Publication): void {
    if (headers === undefined) {
      this.#socket.write(bufferOf(`PUB ${subject} ${reply} ${body.length}\r\n${body}\r\n`));
      return;
    }
    const block = `NATS/1.0${headers}`;
    const sizes = `${block.length} ${block.length + body.length}`;
    this.#socket.write(bufferOf(`HPUB ${subject} ${reply} ${sizes}\r\n${block}${body}\r\n`));
  }

  /** Everything that was written before has been taken. @throws Error when the server does not say so in time */
  flush(withinMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error('nats-server does not answer')), withinMs);
      this.#pongs.push(() => {
        clearTimeout(late);
        resolve();
      });
      if (this.isClosed) for (const pong of this.#pongs.splice(0)) pong();
      else this.#socket.write('PING\r\n');
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(piece: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? piece : Buffer.concat([this.#bytes, piece]);
    for (;;) {
      const lineEnd = this.#bytes.indexOf('\r\n');
      if (lineEnd < 0) return;
      const line = this.#bytes.toString('latin1', 0, lineEnd);
      const [verb = '', ...args] = line.split(' ');
      let end = lineEnd + 2;
      if (verb === 'MSG' || verb === 'HMSG') {
        const size = Number(args.at(-1));
        if (this.#bytes.length < end + size + 2) return;
        const headSize = verb === 'HMSG' ? Number(args.at(-2)) : 0;
        const counts = verb === 'HMSG' ? 2 : 1;
        const reply = args.length > 2 + counts ? (args[2] ?? '') : '';
        this.onMessage({
          subject: args[0] ?? '',
          reply,
          headers: this.#bytes.toString('latin1', end, end + headSize),
          body: this.#bytes.toString('latin1', end + headSize, end + size),
        });
        end += size + 2;
      } else if (verb === 'PING') this.#socket.write('PONG\r\n');
      else if (verb === 'PONG') this.#pongs.shift()?.();
      else if (verb === '-ERR') this.errors.push(line);
      this.#bytes = this.#bytes.subarray(end);
    }
  }
}
