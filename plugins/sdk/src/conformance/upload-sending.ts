import type { Subscription } from '@nats-io/nats-core';
import { headers as natsHeaders } from '@nats-io/nats-core';
import type { Connection } from '../connection.ts';
import { isRecord } from '../protocol/is-record.ts';
import { isFlowOf } from '../protocol/subjects.ts';
import { headerNames } from '../protocol/headers.ts';
import { windowMost } from '../protocol/stream.ts';
import { describe, Exchange, newInbox, parsedJson } from './answers.ts';
import type { Target } from './target.ts';
import { Broken, NotTried } from './verdict.ts';

export interface UploadSendingOptions {
  connection: Connection;
  target: Target;
  subject: string;
  headers: Record<string, string>;
  body: Uint8Array;
}

const pieceBytes = 64 * 1024;
const creditMs = 5_000;

/** An upload whose chunks the case sends; everything that the plugin says of credit is looked at. */
export class UploadSending {
  /** The request, with its reply. */
  readonly exchange: Exchange;
  readonly #connection: Connection;
  readonly #target: Target;
  readonly #body: Uint8Array;
  readonly #flow = newInbox();
  readonly #credits: Subscription;
  #to: string | undefined;
  #granted = 0;
  #sent = 0;
  #at = 0;
  #wrong: Broken | undefined;

  constructor({ connection, target, subject, headers, body }: UploadSendingOptions) {
    this.#connection = connection;
    this.#target = target;
    this.#body = body;
    this.#credits = connection.nats.subscribe(this.#flow, {
      callback: (error, msg) => {
        if (!error) this.#take(msg.string(), msg.reply, msg.headers?.code);
      },
    });
    this.exchange = new Exchange(connection, {
      subject,
      body: '',
      headers: { ...headers, [headerNames.flow]: this.#flow },
    });
  }

  /** The first credit. @throws Broken when there is none, or a reply instead */
  async credited(withinMs: number): Promise<void> {
    if (await this.#hasCredit(withinMs)) return;
    this.#assertUnanswered();
    const [reply] = this.exchange.answers;
    throw new Broken('credit for the first chunks', reply ? describe(reply) : `nothing in ${withinMs} ms`);
  }

  /**
   * One chunk of the next bytes, or of as many zeros as are wanted beyond the end. Not when it has failed already.
   * @throws NotTried when there is an output before all was sent, as there may be
   */
  async piece({ seq, bytes, end }: { seq: number; bytes: number; end?: number }): Promise<void> {
    const hasCredit = await this.#hasCredit(creditMs);
    this.#assertUnanswered();
    if (!hasCredit) return;
    const rest = this.#body.subarray(this.#at, this.#at + bytes);
    this.#at += rest.length;
    this.#publish(Buffer.concat([rest], bytes), seq, end);
  }

  /** Everything to its end: the last frame with the rest, or empty. Stops when it is answered. @throws Broken */
  async send(last: 'rest' | 'empty', withinMs: number): Promise<void> {
    const until = performance.now() + withinMs;
    const keptBytes = last === 'rest' ? 1 : 0;
    while (this.#at < this.#body.length - keptBytes) {
      const leftMs = until - performance.now();
      if (!(await this.#hasCredit(leftMs))) {
        if (this.exchange.answers.length > 0) return;
        throw new Broken('credit for the next chunk', `none for chunk ${this.#sent} in ${withinMs} ms`);
      }
      const piece = this.#body.subarray(
        this.#at,
        Math.min(this.#at + pieceBytes, this.#body.length - keptBytes),
      );
      this.#at += piece.length;
      this.#publish(piece, this.#sent);
    }
    this.#publish(this.#body.subarray(this.#at), this.#sent, this.#sent + 1);
  }

  close(): void {
    this.#credits.unsubscribe();
    this.exchange.close();
  }

  #publish(data: Uint8Array, seq: number, end?: number): void {
    const headers = natsHeaders();
    headers.set(headerNames.seq, String(seq));
    if (end !== undefined) headers.set(headerNames.end, String(end));
    // The last frame names nobody to answer to.
    const reply = end === undefined ? { reply: this.#flow } : {};
    this.#connection.nats.publish(this.#to ?? '', data, { headers, ...reply });
    this.#sent += 1;
  }

  #assertUnanswered(): void {
    const [reply] = this.exchange.answers;
    if (!reply || reply.isNoResponders || reply.headers.has(headerNames.errorCode)) return;
    throw new NotTried(
      'it answers before it has read what it is sent: give an upload that it reads to its end',
    );
  }

  /** @throws Broken what was wrong with its credit */
  async #hasCredit(withinMs: number): Promise<boolean> {
    const until = performance.now() + withinMs;
    for (;;) {
      if (this.#wrong) throw this.#wrong;
      if (this.exchange.answers.length > 0) return false;
      if (this.#granted > this.#sent) return true;
      const leftMs = until - performance.now();
      if (leftMs <= 0) return false;
      await this.exchange.until(() => this.#isNews(), leftMs);
    }
  }

  #isNews(): boolean {
    return this.exchange.answers.length > 0 || this.#granted > this.#sent || this.#wrong !== undefined;
  }

  #take(text: string, reply: string | undefined, status: number | undefined): void {
    // The server's word that the instance is gone: the missing reply tells the same.
    if (status === 503) return;
    const { id, instances } = this.#target;
    const json = parsedJson(text);
    // It wants no more, and answers.
    if (isRecord(json) && json['cancel'] === true) return;
    const credit = isRecord(json) ? json['credit'] : undefined;
    if (!Number.isInteger(credit) || Number(credit) < 0)
      return this.#isWrong('{"credit": k} on the subject of Bkg-Flow', text.slice(0, 200));
    if (reply === undefined || !isFlowOf(id, reply) || !instances.includes(reply.split('.')[3] ?? ''))
      return this.#isWrong(
        `plugin.${id}.flow.<instance>.<token> as the reply subject of credit`,
        reply ?? 'none',
      );
    this.#to = reply;
    this.#granted += Number(credit);
    const open = this.#granted - this.#sent;
    if (open > windowMost) this.#isWrong(`credit for at most ${windowMost} chunks at a time`, `for ${open}`);
    this.exchange.look();
  }

  #isWrong(expected: string, got: string): void {
    this.#wrong ??= new Broken(expected, got);
    this.exchange.look();
  }
}
