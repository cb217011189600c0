import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { headerNames } from '@bkg/sdk/protocol';
import { capability, idOf, payloadOf } from '../invocation.ts';
import type { Ledger } from './ledger.ts';

/** Well before the gateway closes an idle one: a request must not meet that. */
const idleMostMs = 1_000;

export interface HttpCallsOptions {
  port: number;
  apiKey: string;
  plugin: string;
  timeoutMs: number;
  ledger: Ledger;
}

interface Line {
  socket: Socket;
  /** What is under way on it. */
  seq: number | undefined;
  received: string;
  idleSince: number;
}

/** Requests to the gateway over kept-alive connections, one at a time on each; as many connections as that takes. */
export class HttpCalls {
  readonly #options: HttpCallsOptions;
  /** The one that was used last is used next, so that those too many grow old. */
  readonly #idle: Line[] = [];
  readonly #sweep: NodeJS.Timeout;

  constructor(options: HttpCallsOptions) {
    this.#options = options;
    this.#sweep = setInterval(() => this.#closeOld(performance.now() - idleMostMs), idleMostMs / 4);
  }

  send(seq: number): void {
    const { plugin, port, apiKey, timeoutMs, ledger } = this.#options;
    const id = idOf(ledger.run, seq);
    const body = payloadOf(id, seq);
    const line = this.#idle.pop() ?? this.#open();
    line.seq = seq;
    line.socket.write(
      `POST /api/plugins/${plugin}/invoke/${capability} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n` +
        `Authorization: Bearer ${apiKey}\r\n` +
        `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n` +
        `${headerNames.invocationId}: ${id}\r\n${headerNames.timeoutMs}: ${timeoutMs}\r\n\r\n${body}`,
      'latin1',
    );
  }

  close(): void {
    clearInterval(this.#sweep);
    this.#closeOld(Infinity);
  }

  #open(): Line {
    const socket = connect(this.#options.port, '127.0.0.1');
    const line: Line = { socket, seq: undefined, received: '', idleSince: 0 };
    let why = 'the gateway closed the connection';
    socket.setNoDelay(true);
    socket.setEncoding('latin1');
    socket.on('data', (text: unknown) => this.#take(line, text as string));
    socket.on('error', ({ message }) => (why = message));
    socket.on('close', () => {
      const place = this.#idle.indexOf(line);
      if (place >= 0) this.#idle.splice(place, 1);
      if (line.seq !== undefined) this.#options.ledger.failed(line.seq, `no answer: ${why}`);
    });
    return line;
  }

  #take(line: Line, text: string): void {
    line.received += text;
    const headEnd = line.received.indexOf('\r\n\r\n');
    if (headEnd < 0) return;
    const head = line.received.slice(0, headEnd);
    const length = Number(/^content-length: (\d+)$/im.exec(head)?.[1]);
    if (Number.isNaN(length)) return void line.socket.destroy(new Error(`an answer without length: ${head}`));
    const end = headEnd + 4 + length;
    if (line.received.length < end) return;
    if (line.received.length > end) return void line.socket.destroy(new Error('more than one answer'));
    this.#answered(line, Number(head.slice(9, 12)), line.received.slice(headEnd + 4));
    if (/^connection: close\r?$/im.test(head)) line.socket.end();
    else this.#idle.push(line);
  }

  #answered(line: Line, status: number, body: string): void {
    const { seq } = line;
    line.seq = undefined;
    line.received = '';
    line.idleSince = performance.now();
    if (seq === undefined)
      throw new Error(`The gateway sent an answer that nobody waits for: ${status} ${body}`);
    if (status === 200) this.#options.ledger.succeeded(seq, body);
    else this.#options.ledger.failed(seq, `${status} ${detailOf(body)}`);
  }

  #closeOld(before: number): void {
    while (this.#idle[0] && this.#idle[0].idleSince < before) this.#idle.shift()?.socket.destroy();
  }
}

function detailOf(body: string): string {
  try {
    const { code, detail } = JSON.parse(body) as { code: string; detail: string };
    return `${code}: ${detail}`;
  } catch {
    return body.slice(0, 200);
  }
}
