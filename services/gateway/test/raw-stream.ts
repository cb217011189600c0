import { headers as createHeaders } from '@nats-io/nats-core';
import type { Msg, Subscription } from '@nats-io/nats-core';
import { headerNames, jsonOrUndefined, subjects } from '@bkg/sdk';
import type { Connection, Flow } from '@bkg/sdk';

/** The sending end of a streaming reply, written by hand: it says what it is told, also what is wrong. */
export class RawStream {
  /** The request. */
  readonly request: Msg;
  readonly flow: string;
  /** So many chunks may still be sent. */
  credit: number;
  /** What was told on the flow subject, in its order. */
  readonly signs: Flow[] = [];
  /** The server has said that nobody listens to the chunks. */
  isUnheard = false;
  readonly #peer: Connection;
  readonly #subscription: Subscription;
  #wake = Promise.withResolvers<void>();
  #seq = 0;

  constructor(peer: Connection, id: string, request: Msg, instance = `${id}-1`) {
    this.#peer = peer;
    this.request = request;
    this.credit = Number(request.headers?.get(headerNames.stream));
    this.flow = subjects.flow(id, instance, crypto.randomUUID());
    this.#subscription = peer.subscribe(this.flow, { callback: (_error, msg) => this.#hear(msg) });
  }

  /** How many chunks were sent. */
  get count(): number {
    return this.#seq;
  }

  get isCancelled(): boolean {
    return this.signs.some(({ cancel }) => cancel === true);
  }

  /** When there is credit. @returns false when no more is wanted */
  async write(data: string | Uint8Array, headers: Record<string, string> = {}): Promise<boolean> {
    while (this.credit === 0 && !this.isCancelled) await this.#wake.promise;
    if (this.isCancelled) return false;
    this.credit -= 1;
    this.send(data, { [headerNames.seq]: String(this.#seq), ...headers });
    this.#seq += 1;
    return true;
  }

  end(data: string | Uint8Array = 'null', headers: Record<string, string> = {}): void {
    const count = this.#seq + 1;
    const place = { [headerNames.seq]: String(this.#seq), [headerNames.end]: String(count) };
    this.send(data, { ...place, ...headers }, '');
    this.#subscription.unsubscribe();
  }

  fail(number: number, text: string): void {
    this.end('', {
      [headerNames.error]: text,
      [headerNames.errorCode]: String(number),
      [headerNames.contentType]: 'text/plain',
    });
  }

  /** One message, whatever it is. */
  send(data: string | Uint8Array, values: Record<string, string>, reply = this.flow): void {
    const headers = createHeaders();
    for (const [name, value] of Object.entries(values)) headers.set(name, value);
    this.#peer.nats.publish(this.request.reply ?? '', data, { headers, ...(reply && { reply }) });
  }

  #hear(msg: Msg): void {
    if (msg.data.length === 0) this.isUnheard = true;
    const sign = Object(jsonOrUndefined(msg.data)) as Flow;
    this.signs.push(sign);
    this.credit += sign.credit ?? 0;
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }
}
