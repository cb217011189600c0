import { setImmediate as turn } from 'node:timers/promises';
import type { Msg, Subscription } from '@nats-io/nats-core';
import { isStatusEvent, subjects } from '@bkg/sdk';
import type { Broker } from '../mesh/broker.ts';
import type { HeldCall } from './held-call.ts';

export interface HeldQueueOptions {
  pluginId: string;
  /** Where it hears of instances. */
  broker: Broker;
  /** Between two attempts of which no event is the reason. */
  retryMs: number;
  /** How many of its calls the plugin can have at a time: one more it would answer BUSY. */
  mostTaken: () => number;
  /** Hears of each call that leaves the queue. */
  onLeave: (held: HeldCall) => void;
}

/** Of bodies sent at once: an instance that has just come must not be a slow consumer to the broker. */
const portionMostBytes = 1024 * 1024;

/** The calls of one plugin that nobody has got yet, in their order of arrival. */
export class HeldQueue {
  readonly #options: HeldQueueOptions;
  readonly #calls = new Set<HeldCall>();
  readonly #retry: NodeJS.Timeout;
  readonly #events: Subscription | undefined;
  /** Sent from here, and not answered yet. */
  #taken = 0;
  #onAnswer: () => void = () => undefined;
  #isTrying = false;
  #isTriedAgain = false;

  constructor(options: HeldQueueOptions) {
    this.#options = options;
    const { broker, pluginId, retryMs } = options;
    // Before the first attempt: whoever is not there by then is heard of afterwards.
    this.#events = broker.subscribe(subjects.events('status', pluginId), (msg) => {
      if (takesInvocations(msg)) this.wake();
    });
    this.#retry = setInterval(() => this.wake(), retryMs);
  }

  get size(): number {
    return this.#calls.size;
  }

  waiting(): HeldCall[] {
    return [...this.#calls].filter(({ isWaiting }) => isWaiting);
  }

  add(held: HeldCall): void {
    this.#calls.add(held);
  }

  /** Does nothing when it has left already. */
  remove(held: HeldCall): void {
    if (this.#calls.delete(held)) this.#options.onLeave(held);
  }

  /** Somebody may take invocations now. */
  wake(): void {
    if (this.#isTrying) this.#isTriedAgain = true;
    else void this.#tryWhileWoken();
  }

  close(): void {
    clearInterval(this.#retry);
    this.#events?.unsubscribe();
  }

  async #tryWhileWoken(): Promise<void> {
    this.#isTrying = true;
    do {
      this.#isTriedAgain = false;
      await this.#tryAll();
    } while (this.#isTriedAgain);
    this.#isTrying = false;
  }

  /**
   * Sends the first; when somebody has got it, the others. A plugin without the SDK may serve one capability and not
   * yet another, which must not keep the rest waiting.
   */
  async #tryAll(): Promise<void> {
    const unserved = new Set<string>();
    let mostBytes = 0;
    for (;;) {
      const room = this.#options.mostTaken() - this.#taken;
      const portion = this.#next(unserved, { mostBytes, most: Math.max(1, room) });
      if (portion.length === 0) return;
      if (room <= 0) {
        // Each has its deadline.
        await new Promise<void>((resolve) => (this.#onAnswer = resolve));
        continue;
      }
      // Until their connection is back, which the next attempt sees.
      if (portion.some(({ call }) => !call.broker.connected)) return;
      const returned = await this.#send(portion);
      for (const { call } of returned) unserved.add(call.capability);
      mostBytes = returned.length < portion.length ? portionMostBytes : 0;
    }
  }

  /** At least one, unless there is none; more as far as their bodies fit. */
  #next(unserved: ReadonlySet<string>, { mostBytes, most }: { mostBytes: number; most: number }): HeldCall[] {
    const portion: HeldCall[] = [];
    let bytes = 0;
    for (const held of this.#calls) {
      if (!held.isWaiting || unserved.has(held.call.capability)) continue;
      bytes += held.call.body.length;
      if (portion.length >= most || (portion.length > 0 && bytes > mostBytes)) break;
      portion.push(held);
    }
    return portion;
  }

  /** @returns those that nobody has got */
  async #send(portion: readonly HeldCall[]): Promise<HeldCall[]> {
    for (const held of portion) held.send();
    // The broker says on the same connection that nobody listens, before it answers to a flush.
    const ways = new Set(portion.map(({ call }) => call.broker));
    const isFlushed = (await Promise.all([...ways].map((broker) => broker.flush()))).every(Boolean);
    await turn();
    const returned = portion.filter(({ isWaiting }) => isWaiting);
    if (isFlushed) for (const held of portion) if (!held.isWaiting) this.#taking(held);
    return returned;
  }

  /** Somebody has got it. */
  #taking(held: HeldCall): void {
    this.remove(held);
    this.#taken += 1;
    const answered = (): void => {
      this.#taken -= 1;
      this.#onAnswer();
    };
    held.reply.then(answered, answered);
  }
}

function takesInvocations(msg: Msg): boolean {
  try {
    const event: unknown = msg.json();
    return isStatusEvent(event) && event.status === 'running' && !event.held;
  } catch {
    // Not a status event, whoever sent it: it counts for nothing.
    return false;
  }
}
