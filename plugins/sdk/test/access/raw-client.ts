import { connect } from 'node:net';
import type { Socket } from 'node:net';

const answerWithinMs = 10_000;

/** What nats-server says to somebody who speaks its protocol without a library that could be in the way. */
export class RawClient {
  readonly #socket: Socket;
  #heard = '';
  #isOver = false;
  #onData: () => void = () => undefined;

  /** @param shown as in a CONNECT of the protocol: `user` and `pass`, or `auth_token` */
  constructor(port: number, shown: Record<string, string | boolean>) {
    this.#socket = connect(port, '127.0.0.1');
    this.#socket.setEncoding('utf8');
    this.#socket.on('data', (chunk: string) => {
      this.#heard += chunk;
      this.#onData();
    });
    // A server that refuses somebody may reset what is still on its way to it.
    this.#socket.on('error', () => undefined);
    this.#socket.on('close', () => {
      this.#isOver = true;
      this.#onData();
    });
    const options = { verbose: false, pedantic: false, lang: 'test', version: '1', echo: false, ...shown };
    this.#socket.write(`CONNECT ${JSON.stringify(options)}\r\n`);
  }

  /** Sends lines and waits until the server has read them, or has closed. @returns its errors, without their marks */
  async say(lines: readonly string[]): Promise<string[]> {
    const before = this.#heard.length;
    this.#socket.write([...lines, 'PING', ''].join('\r\n'));
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error('nats-server does not answer')), answerWithinMs);
      this.#onData = () => {
        if (!this.#isOver && !this.#heard.slice(before).includes('PONG\r\n')) return;
        clearTimeout(late);
        resolve();
      };
      this.#onData();
    });
    const errors = this.#heard.slice(before).matchAll(/^-ERR '(.*)'\r$/gm);
    return [...errors].map(([, text]) => text ?? '');
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  close(): void {
    this.#socket.destroy();
  }
}
