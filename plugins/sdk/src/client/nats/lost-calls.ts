import type { Msg } from '@nats-io/nats-core';
import type { Connection } from '../../connection.ts';
import type { InflightQuery, InflightReply } from '../../protocol/requests.ts';
import { subjects } from '../../protocol/subjects.ts';
import { ConnectionLostError } from '../errors.ts';
import { wait } from '../wait.ts';

/** One invocation that waits for its answer. */
export interface RunningCall {
  readonly plugin: string;
  readonly invocationId: string;
  readonly idempotent: boolean;
  /** Gives up waiting, with this error. */
  end(error: Error): void;
}

export interface LostCallsOptions {
  /** After the broker's return, until instances are back too and have sent the answers they kept. @default 2000 */
  settleMs?: number;
  /** How long answers of instances are collected. @default 250 */
  askMs?: number;
}

/** So that a question fits into a message by far. */
const idsMost = 500;

/**
 * What was under way when the broker went away may have lost its request or its answer on the way, or may be running.
 * When the broker is back and kept answers have had their time, the instances are asked what they hold, and who waits for
 * something that none of them knows of need not wait for the deadline.
 */
export class LostCalls {
  readonly #connection: Connection;
  readonly #settleMs: number;
  readonly #askMs: number;
  readonly #running = new Set<RunningCall>();
  readonly #suspects = new Set<RunningCall>();
  #search = new AbortController();

  constructor(connection: Connection, { settleMs = 2_000, askMs = 250 }: LostCallsOptions = {}) {
    this.#connection = connection;
    this.#settleMs = settleMs;
    this.#askMs = askMs;
  }

  add(call: RunningCall): void {
    this.#running.add(call);
  }

  delete(call: RunningCall): void {
    this.#running.delete(call);
    this.#suspects.delete(call);
  }

  /** To be told when the broker goes and comes. */
  connectionChanged(connected: boolean): void {
    this.#search.abort();
    if (!connected) for (const call of this.#running) this.#suspects.add(call);
    else if (this.#suspects.size > 0) {
      this.#search = new AbortController();
      void this.#find(this.#search.signal);
    }
  }

  /** Ends everything that runs, each with an error of its own: it will carry the id of its invocation. */
  endAll(error: () => Error): void {
    this.#search.abort();
    for (const call of this.#running) call.end(error());
  }

  async #find(signal: AbortSignal): Promise<void> {
    if (!(await wait(this.#settleMs, signal))) return;
    const byPlugin = Map.groupBy(this.#suspects, ({ plugin }) => plugin);
    this.#suspects.clear();
    await Promise.all(
      [...byPlugin].flatMap(([plugin, calls]) =>
        Array.from({ length: Math.ceil(calls.length / idsMost) }, (_, i) =>
          this.#ask(plugin, calls.slice(i * idsMost, (i + 1) * idsMost), signal),
        ),
      ),
    );
  }

  async #ask(plugin: string, calls: RunningCall[], signal: AbortSignal): Promise<void> {
    const query: InflightQuery = { invocation_ids: calls.map(({ invocationId }) => invocationId) };
    let held: Set<string> | undefined;
    try {
      const replies = await this.#connection.requestMany(subjects.inflight(plugin), JSON.stringify(query), {
        forMs: this.#askMs,
        signal,
      });
      const answers = replies.map(heldIn).filter((ids) => ids !== undefined);
      // Without an answer nothing is known: a plugin without the SDK may be at work.
      if (answers.length > 0) held = new Set(answers.flat());
    } catch {
      // The broker is gone again. These are suspects until its next return.
      for (const call of calls) if (this.#running.has(call)) this.#suspects.add(call);
      return;
    }
    for (const call of calls) {
      const isLost = held ? !held.has(call.invocationId) : call.idempotent;
      if (isLost && this.#running.has(call)) call.end(lost(call));
    }
  }
}

/** Undefined for what is no answer to the question. */
function heldIn(msg: Msg): string[] | undefined {
  try {
    const { invocation_ids } = msg.json<Partial<InflightReply>>();
    return Array.isArray(invocation_ids) ? invocation_ids : undefined;
  } catch {
    return undefined;
  }
}

function lost({ plugin }: RunningCall): Error {
  return new ConnectionLostError(
    `The broker went away while an invocation of ${plugin} was under way. It is back, and no instance holds the invocation: ` +
      'it was lost before it could run, or its answer was.',
  );
}
