import { now } from '../../clock.ts';
import { idOf, workMs } from '../invocation.ts';
import type { Output } from '../invocation.ts';

/** Of each invocation, by its number. Times are in ms since the epoch, NaN for what did not happen. */
export interface LoadResult {
  run: string;
  /** When it was meant to be sent. */
  dueAt: Float64Array;
  /** NaN: too many were under way already. */
  sentAt: Float64Array;
  /** When the first reply came. */
  endedAt: Float64Array;
  replies: Uint8Array;
  /** Who answered it, as a place in `answerers`; 0 for a failure. */
  answeredBy: Uint16Array;
  answerers: Answerer[];
  /** What those that failed were answered; without an answer in time they are not here. */
  failures: Map<number, string>;
}

export interface Answerer {
  instance: string;
  version: string;
}

/** Everything that a load has sent, and what came back. */
export class Ledger {
  readonly run: string;
  readonly #dueAt: number[] = [];
  readonly #sentAt: number[] = [];
  readonly #endedAt: number[] = [];
  readonly #replies: number[] = [];
  readonly #answeredBy: number[] = [];
  readonly #answerers: Answerer[] = [{ instance: '', version: '' }];
  readonly #placeOf = new Map<string, number>();
  readonly #failures = new Map<number, string>();
  #underWay = 0;

  constructor(run: string) {
    this.run = run;
  }

  /** Sent, and without a reply. */
  get underWay(): number {
    return this.#underWay;
  }

  due(seq: number, at: number, isSent: boolean): void {
    this.#dueAt[seq] = at;
    this.#sentAt[seq] = isSent ? now() : NaN;
    this.#endedAt[seq] = NaN;
    this.#replies[seq] = 0;
    this.#answeredBy[seq] = 0;
    if (isSent) this.#underWay += 1;
  }

  /** A reply that says that it has worked. @param body JSON */
  succeeded(seq: number, body: string): void {
    const output = outputOf(body);
    if (output?.id !== idOf(this.run, seq))
      return this.failed(seq, `not its own answer: ${body.slice(0, 200)}`);
    this.#ended(seq);
    if (this.#replies[seq] === 1) this.#answeredBy[seq] = this.#place(output);
  }

  failed(seq: number, why: string): void {
    this.#ended(seq);
    if (!this.#failures.has(seq)) this.#failures.set(seq, why);
  }

  result(): LoadResult {
    return {
      run: this.run,
      dueAt: Float64Array.from(this.#dueAt),
      sentAt: Float64Array.from(this.#sentAt),
      endedAt: Float64Array.from(this.#endedAt),
      replies: Uint8Array.from(this.#replies),
      answeredBy: Uint16Array.from(this.#answeredBy),
      answerers: this.#answerers,
      failures: this.#failures,
    };
  }

  #ended(seq: number): void {
    const replies = (this.#replies[seq] ?? 0) + 1;
    this.#replies[seq] = replies;
    if (replies > 1) return;
    this.#endedAt[seq] = now();
    this.#underWay -= 1;
  }

  #place({ instance, version }: Output): number {
    const known = this.#placeOf.get(instance);
    if (known !== undefined) return known;
    const place = this.#answerers.push({ instance, version }) - 1;
    this.#placeOf.set(instance, place);
    return place;
  }
}

function outputOf(body: string): Output | undefined {
  try {
    return JSON.parse(body) as Output;
  } catch {
    return undefined;
  }
}

/** With a success. */
export function isAnswered({ replies, failures }: LoadResult, seq: number): boolean {
  return (replies[seq] ?? 0) > 0 && !failures.has(seq);
}

/** How much longer than its handler it took from when it was due: what its way and its waiting cost. */
export function beyondMs({ dueAt, endedAt }: LoadResult, seq: number): number {
  return (endedAt[seq] ?? NaN) - (dueAt[seq] ?? NaN) - workMs(seq);
}
