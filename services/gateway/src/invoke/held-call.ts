import type { Msg } from '@nats-io/nats-core';
import { NoRespondersError } from '@bkg/sdk';
import type { Broker } from '../mesh/broker.ts';
import type { Abortable } from './abort.ts';

/** An invocation that nobody has got, or that may run twice and nobody has any more: it can be sent again. */
export interface UntakenCall {
  pluginId: string;
  invocationId: string;
  capability: string;
  /** Whether the caller may see more of the plugin than what it invokes. */
  mayRead: boolean;
  body: Uint8Array;
  /** What its caller gave it, in ms. */
  timeoutMs: number;
  /** When that is over, by `performance.now()`. */
  deadlineAt: number;
  controller: Abortable;
  /** The connection that it is sent over. */
  broker: Broker;
  /** @throws NoRespondersError when nobody has got it this time either */
  send: () => Promise<Msg>;
}

/** One that waits until somebody takes it, with its place in the queue. */
export class HeldCall {
  readonly call: UntakenCall;
  readonly heldAt = performance.now();
  /** Of this invocation, however it ends. */
  readonly reply: Promise<Msg>;
  readonly #outcome = Promise.withResolvers<Msg>();
  readonly #onReturn: (held: HeldCall) => void;
  #state: 'waiting' | 'sent' | 'ended' = 'waiting';

  /** @param onReturn hears that nobody has got it after it was sent; it waits again */
  constructor(call: UntakenCall, onReturn: (held: HeldCall) => void) {
    this.call = call;
    this.reply = this.#outcome.promise;
    this.#onReturn = onReturn;
  }

  get isWaiting(): boolean {
    return this.#state === 'waiting';
  }

  /** Sends it once. Only for one that waits. */
  send(): void {
    this.#state = 'sent';
    this.call.send().then(this.#outcome.resolve, (error: unknown) => {
      if (!(error instanceof NoRespondersError)) return this.#outcome.reject(error);
      this.#state = 'waiting';
      this.#onReturn(this);
    });
  }

  /** Only for one that waits: what is sent ends by itself. */
  end(error: Error): void {
    this.#state = 'ended';
    this.#outcome.reject(error);
  }
}
