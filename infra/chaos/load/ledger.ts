import { now } from '../../bench/clock.ts';
import type { PluginId } from '../plan.ts';

/** How an invocation reaches its plugin: `POST …/invoke/…`, a frame on `/ws`, or a request by the SDK's client. */
export const ways = ['http', 'ws', 'nats'] as const;
export type Way = (typeof ways)[number];

/** The outcome of what has failed in no way that is promised. */
export const unforeseen = 'unforeseen';
/** The outcome of what the gateway has broken the connection of. */
export const connectionLost = 'connection lost';

export interface CallKind {
  plugin: PluginId;
  capability: string;
  idempotent: boolean;
  /** How long its handler takes. */
  leastMs: number;
  mostMs: number;
  timeoutMs: number;
}

export interface Call {
  /** Its number, which its handler notes. */
  number: number;
  way: Way;
  kind: CallKind;
  sentAt: number;
  /** Of the first answer. */
  endedAt?: number;
  /** `ok`, an error code, or one of the words above. */
  outcome?: string;
  detail?: string;
  answers: number;
}

/** Every invocation and what became of it. */
export class Ledger {
  readonly calls: Call[] = [];
  underWay = 0;

  begin(way: Way, kind: CallKind): Call {
    const call = { number: this.calls.length, way, kind, sentAt: now(), answers: 0 };
    this.calls.push(call);
    this.underWay += 1;
    return call;
  }

  end(call: Call, outcome: string, detail?: string): void {
    call.answers += 1;
    if (call.answers > 1) return;
    this.underWay -= 1;
    call.endedAt = now();
    call.outcome = outcome;
    if (detail !== undefined) call.detail = detail;
  }
}
