import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import type { Credentials } from '@bkg/sdk';
import { keyCredentials } from '@bkg/sdk/access';
import { headerNames, subjects } from '@bkg/sdk/protocol';
import { capability, idOf, payloadOf } from '../invocation.ts';
import type { Ledger } from './ledger.ts';

const connectMostMs = 5_000;
/** More than this without the end of a line is no NATS. */
const lineMostBytes = 65_536;

export interface NatsCallsOptions {
  port: number;
  apiKey: string;
  /** @default the key */
  credentials?: Credentials;
  plugin: string;
  timeoutMs: number;
  ledger: Ledger;
}

/**
 * Requests as any NATS client sends them, over one bare socket: the SDK's client, which is part of what is proved,
 * would hide a second reply to the same request.
 */
export class NatsCalls {
  readonly #options: NatsCallsOptions;
  readonly #socket: Socket;
  readonly #credentials: Credentials;
  readonly #inbox: string;
  readonly #ready = Promise.withResolvers<void>();
  #unsent = '';
  #received = '';
  #isClosed = false;

  static async connect(options: NatsCallsOptions): Promise<NatsCalls> {
    const calls = new NatsCalls(options);
    await calls.#ready.promise;
    return calls;
  }

  constructor(options: NatsCallsOptions) {
    this.#options = options;
    const { apiKey, credentials = keyCredentials(apiKey) } = options;
    this.#credentials = credentials;
    // Of a key, its prefix: the broker lets it listen to nothing else.
    this.#inbox = `${subjects.inbox(credentials.user)}.${randomBytes(16).toString('hex')}`;
    this.#socket = connect(options.port, '127.0.0.1');
    this.#socket.setNoDelay(true);
    this.#socket.setEncoding('latin1');
    const late = setTimeout(() => this.#lost(`the broker was silent for ${connectMostMs} ms`), connectMostMs);
    this.#ready.promise.then(
      () => clearTimeout(late),
      () => clearTimeout(late),
    );
    this.#socket.on('data', (text: unknown) => this.#take(text as string));
    this.#socket.on('error', ({ message }) => this.#lost(message));
    this.#socket.on('close', () => this.#lost('the broker closed the connection'));
  }

  /** Goes out with the next `flush`. */
  send(seq: number): void {
    const { plugin, timeoutMs, ledger } = this.#options;
    const id = idOf(ledger.run, seq);
    const headers = `NATS/1.0\r\n${headerNames.invocationId}: ${id}\r\n${headerNames.timeoutMs}: ${timeoutMs}\r\n\r\n`;
    const body = payloadOf(id, seq);
    const subject = subjects.invokeCapability(plugin, capability);
    const sizes = `${headers.length} ${headers.length + body.length}`;
    this.#unsent += `HPUB ${subject} ${this.#inbox}.${seq} ${sizes}\r\n${headers}${body}\r\n`;
  }

  flush(): void {
    if (this.#unsent === '') return;
    this.#socket.write(this.#unsent, 'latin1');
    this.#unsent = '';
  }

  close(): void {
    this.#isClosed = true;
    this.#socket.destroy();
  }

  #take(text: string): void {
    this.#received += text;
    let at = 0;
    for (;;) {
      const end = this.#received.indexOf('\r\n', at);
      if (end < 0) break;
      const words = this.#received.slice(at, end).split(' ');
      const isMessage = words[0] === 'MSG' || words[0] === 'HMSG';
      const size = isMessage ? Number(words.at(-1)) : 0;
      const next = end + 2 + (isMessage ? size + 2 : 0);
      if (this.#received.length < next) break;
      if (isMessage) this.#reply(words, this.#received.slice(end + 2, end + 2 + size));
      else this.#said(words);
      at = next;
    }
    this.#received = this.#received.slice(at);
    if (this.#received.length > lineMostBytes) this.#lost('the broker sent what is no NATS');
  }

  #said([verb = '', ...rest]: string[]): void {
    const { user, password } = this.#credentials;
    const who = { user, pass: password, verbose: false, headers: true, no_responders: true };
    if (verb === 'INFO')
      this.#socket.write(`CONNECT ${JSON.stringify(who)}\r\nSUB ${this.#inbox}.* 1\r\nPING\r\n`);
    else if (verb === 'PING') this.#socket.write('PONG\r\n');
    else if (verb === 'PONG') this.#ready.resolve();
    else this.#lost(`the broker says ${verb} ${rest.join(' ')}`);
  }

  #reply(words: string[], content: string): void {
    const { ledger } = this.#options;
    const seq = Number(words[1]?.split('.').at(-1));
    const headersSize = words[0] === 'HMSG' ? Number(words.at(-2)) : 0;
    const headers = content.slice(0, headersSize);
    const failure =
      /^Nats-Service-Error: (.*)\r$/m.exec(headers)?.[1] ??
      (headers.startsWith('NATS/1.0 503') ? 'no responders' : undefined);
    if (failure === undefined) ledger.succeeded(seq, content.slice(headersSize));
    else ledger.failed(seq, failure);
  }

  /** A load that has lost its broker says nothing about plugins: it ends. */
  #lost(why: string): void {
    if (this.#isClosed) return;
    const error = new Error(`The load has lost its connection to the broker: ${why}.`);
    this.#ready.reject(error);
    throw error;
  }
}
