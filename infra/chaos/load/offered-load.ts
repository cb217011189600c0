import { InvocationError } from '@bkg/sdk/client';
import type { Client, NatsClient } from '@bkg/sdk/client';
import type { GatewayClient } from '@bkg/sdk/client/ws';
import { now } from '../../bench/clock.ts';
import type { Mesh } from '../mesh.ts';
import { between } from '../random.ts';
import type { Random } from '../random.ts';
import { HttpCalls } from './http-calls.ts';
import { unforeseen, ways } from './ledger.ts';
import type { Call, CallKind, Ledger } from './ledger.ts';

const quick = { leastMs: 0, mostMs: 20, timeoutMs: 2_000 };

/** In turn. Half of it may be run twice. */
const kinds: readonly CallKind[] = [
  { plugin: 'echo', capability: 'once', idempotent: false, ...quick },
  { plugin: 'echo', capability: 'again', idempotent: true, ...quick },
  { plugin: 'writer', capability: 'once', idempotent: false, ...quick },
  { plugin: 'echo', capability: 'again', idempotent: true, ...quick },
  { plugin: 'plain', capability: 'once', idempotent: false, ...quick },
  { plugin: 'writer', capability: 'again', idempotent: true, ...quick },
  { plugin: 'echo', capability: 'slow', idempotent: false, leastMs: 50, mostMs: 800, timeoutMs: 3_000 },
  { plugin: 'echo', capability: 'again', idempotent: true, ...quick },
];

/** More are not begun: it is not the load that shall be the fault. */
const underWayMost = 2_000;
const tickMs = 10;
const endMostMs = 50_000;

export interface LoadOptions {
  url: string;
  headers: Mesh['headers'];
  gateway: GatewayClient;
  nats: NatsClient;
  perSecond: number;
  ledger: Ledger;
  random: Random;
}

/** Invocations at a fixed rate, whatever becomes of them. */
export class OfferedLoad {
  readonly #options: LoadOptions;
  readonly #http: HttpCalls;
  readonly #timer: NodeJS.Timeout;
  readonly #startedAt = now();
  #due = 0;
  /** Not begun, because too many were under way. */
  skipped = 0;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#http = new HttpCalls(options, options.ledger);
    this.#timer = setInterval(() => this.#tick(), tickMs);
  }

  /** Begins nothing more, and waits for what is under way. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    const until = now() + endMostMs;
    while (this.#options.ledger.underWay > 0 && now() < until)
      await new Promise((resolve) => setTimeout(resolve, tickMs * 10));
    this.#http.close();
  }

  #tick(): void {
    const { perSecond, ledger } = this.#options;
    for (; this.#startedAt + (this.#due * 1_000) / perSecond <= now(); this.#due += 1) {
      if (ledger.underWay >= underWayMost) this.skipped += 1;
      else this.#send(this.#due);
    }
  }

  #send(number: number): void {
    const { ledger, random, gateway, nats } = this.#options;
    // Each way takes its turn with each kind.
    const way = ways[Math.floor(number / kinds.length) % ways.length] ?? 'http';
    const kind = kinds[number % kinds.length];
    if (!kind) return;
    const call = ledger.begin(way, kind);
    const payload = { call: call.number, ms: between(random, kind.leastMs, kind.mostMs) };
    if (way === 'http') this.#http.send(call, payload);
    else void this.#invoke(way === 'ws' ? gateway : nats, call, payload);
  }

  async #invoke(client: Client, call: Call, payload: object): Promise<void> {
    const { ledger } = this.#options;
    const { plugin, capability, idempotent, timeoutMs } = call.kind;
    // Twice at most, as the gateway does it.
    const options = { timeoutMs, idempotent, ...(idempotent && { maxAttempts: 2 }) };
    try {
      await client.invoke(plugin, capability, payload, options);
      ledger.end(call, 'ok');
    } catch (error) {
      if (error instanceof InvocationError) ledger.end(call, error.code, error.message);
      else ledger.end(call, unforeseen, String(error));
    }
  }
}
