import type { Msg } from '@nats-io/nats-core';
import { jsonOrUndefined, randomHex, subjects } from '@bkg/sdk';
import type { Logger, RateLimit } from '@bkg/sdk';
import type { Broker } from '../mesh/broker.ts';
import type { Holding } from './rate-limits.ts';
import { isSpent } from './spent.ts';
import type { Spent } from './spent.ts';

export interface SpendingOptions {
  broker: Pick<Broker, 'publish' | 'subscribe' | 'onStatus' | 'connected' | 'maxPayloadBytes'>;
  log: Logger;
  /** Another gateway has let so many through. */
  onSpent: (name: string, n: number, limit: RateLimit) => void;
  /** How often the others are told. @default 100 */
  everyMs?: number;
  /** Buckets in a message. @default 1000 */
  mostInMessage?: number;
  /** Buckets that wait to be told of. @default 10000 */
  most?: number;
}

/**
 * What this gateway lets through, told to the others, and what they tell. Nothing of it is kept or sent again: while a
 * message is lost or the broker is away, each gateway holds to the limits for itself alone.
 */
export class Spending {
  /** In its subject. */
  readonly id = randomHex(16);
  readonly #options: Required<SpendingOptions>;
  #pending = new Map<string, { holding: Holding; n: number }>();
  #untold = 0;
  #timer: NodeJS.Timeout | undefined;
  #isListening = false;
  #isClosed = false;

  constructor(options: SpendingOptions) {
    this.#options = { everyMs: 100, mostInMessage: 1_000, most: 10_000, ...options };
    options.broker.onStatus((connected) => this.#connectionChanged(connected));
    this.#connectionChanged(options.broker.connected);
  }

  /** One token was taken. */
  add(holding: Holding): void {
    const { most } = this.#options;
    const pending = this.#pending.get(holding.name);
    if (pending) pending.n += 1;
    else if (this.#pending.size < most) this.#pending.set(holding.name, { holding, n: 1 });
    else this.#untold += 1;
    this.#tellSoon();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  /** Idle gateways are silent. */
  #tellSoon(): void {
    if (this.#timer || this.#isClosed) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#tell();
    }, this.#options.everyMs).unref();
  }

  #tell(): void {
    const { broker, log } = this.#options;
    if (this.#untold > 0)
      log.warn(
        { invocations: this.#untold },
        'too many rate limits are in use at once to tell other gateways of all',
      );
    this.#untold = 0;
    const text = this.#message();
    // What is old when the broker is back has come back in the buckets, too: to tell it then would count it twice.
    if (!broker.publish(subjects.spent(this.id), text)) this.#pending.clear();
    if (this.#pending.size > 0) this.#tellSoon();
  }

  /** The largest first, as many as fit; the rest waits. */
  #message(): string {
    const { broker, mostInMessage } = this.#options;
    const largest = [...this.#pending.values()].sort((a, b) => b.n - a.n).slice(0, mostInMessage);
    const parts: string[] = [];
    let left = broker.maxPayloadBytes / 2;
    for (const { holding, n } of largest) {
      const { rate, burst } = holding.bucket.limit;
      const entry: Spent = { bucket: holding.name, tokens: n, rate_per_second: rate, burst };
      const part = JSON.stringify(entry);
      left -= part.length + 1;
      if (left < 0) break;
      parts.push(part);
      this.#pending.delete(holding.name);
    }
    return `{"spent":[${parts.join(',')}]}`;
  }

  #connectionChanged(connected: boolean): void {
    // A subscription lasts over reconnections.
    if (!connected || this.#isListening) return;
    this.#isListening = true;
    this.#options.broker.subscribe(subjects.spent('*'), (msg) => this.#hear(msg));
  }

  #hear(msg: Msg): void {
    const { log, onSpent, mostInMessage } = this.#options;
    if (this.#isClosed || msg.subject === subjects.spent(this.id)) return;
    const { spent } = Object(jsonOrUndefined(msg.data)) as { spent?: unknown };
    if (!Array.isArray(spent) || spent.length > mostInMessage || !spent.every(isSpent)) {
      log.warn(
        { subject: msg.subject },
        'a gateway told what it has let through in a way that cannot be read',
      );
      return;
    }
    for (const { bucket, tokens, rate_per_second, burst } of spent)
      onSpent(bucket, tokens, { rate_per_second, burst });
  }
}
