import type { Msg } from '@nats-io/nats-core';
import { BriefSet } from './brief-set.ts';
import { wait } from './client/wait.ts';
import type { Connection } from './connection.ts';
import { DeadInstances } from './dead-instances.ts';
import { inflightQuery, portions, readInflightReply } from './inflight-question.ts';
import { subjects } from './protocol/subjects.ts';
import type { RunningCall } from './running-call.ts';

export interface LostCallsOptions {
  /**
   * After the broker's return, until instances are back too and have sent the answers they kept; and again while none of
   * a plugin answers. @default 2000
   */
  settleMs?: number;
  /** How long answers of instances are collected. @default 250 */
  askMs?: number;
  /** How many instances a plugin has, as far as is known: when fewer answer, all are asked once more. @default 1 */
  instancesOf?: (plugin: string) => number;
}

/**
 * The invocations that wait for their answers, and what is done about those that get none.
 *
 * What was under way when the broker went away may have lost its request or its answer on the way, or may be running.
 * When the broker is back and kept answers have had their time, the instances are asked what they hold, and who waits for
 * something that none of them knows of need not wait for the deadline. So it is when an instance dies (`DeadInstances`).
 */
export class LostCalls {
  readonly #connection: Pick<Connection, 'request' | 'requestMany' | 'flush'>;
  readonly #lost: (detail: string) => Error;
  readonly #settleMs: number;
  readonly #askMs: number;
  readonly #instancesOf: (plugin: string) => number;
  readonly #running = new BriefSet<RunningCall>();
  readonly #suspects = new Set<RunningCall>();
  /** That not all instances have been heard about was no reason to give these up, once. */
  readonly #doubted = new WeakSet<RunningCall>();
  readonly #deadInstances: DeadInstances;
  #search = new AbortController();

  /**
   * @param connection the one that carries the invocations: the broker keeps the order of what comes on it
   * @param lost the error of a call that no instance holds; it may have run
   */
  constructor(
    connection: Pick<Connection, 'request' | 'requestMany' | 'flush'>,
    lost: (detail: string) => Error,
    { settleMs = 2_000, askMs = 250, instancesOf = () => 1 }: LostCallsOptions = {},
  ) {
    this.#connection = connection;
    this.#lost = lost;
    this.#settleMs = settleMs;
    this.#askMs = askMs;
    this.#instancesOf = instancesOf;
    this.#deadInstances = new DeadInstances(connection, this.#running);
  }

  add(call: RunningCall): void {
    this.#running.add(call);
  }

  delete(call: RunningCall): void {
    this.#running.delete(call);
    if (this.#suspects.size > 0) this.#suspects.delete(call);
    this.#deadInstances.forget(call);
  }

  /** The instances have been told to end these: they are not sent again. */
  noteCancelled(plugin: string, invocationId: string): void {
    for (const call of this.#running)
      if (call.invocationId === invocationId && call.plugin === plugin) call.noteCancelled();
  }

  /** To be given every status event of the plugins that are invoked. */
  statusEvent(msg: Msg): void {
    this.#deadInstances.hear(msg);
  }

  /** To be told when the broker goes and comes. */
  connectionChanged(connected: boolean): void {
    this.#search.abort();
    if (!connected) {
      this.#deadInstances.stop();
      this.#suspect([...this.#running]);
    } else if (this.#suspects.size > 0) {
      this.#search = new AbortController();
      void this.#find(this.#search.signal);
    }
  }

  /** Ends everything that runs, each with an error of its own: it will carry the id of its invocation. */
  endAll(error: () => Error): void {
    this.#search.abort();
    this.#deadInstances.stop();
    for (const call of this.#running) call.end(error());
  }

  async #find(signal: AbortSignal): Promise<void> {
    // Again while nobody answers: a plugin may come back later than the broker, and each call has its deadline.
    while (this.#suspects.size > 0 && (await wait(this.#settleMs, signal))) {
      const byPlugin = Map.groupBy(this.#suspects, ({ plugin }) => plugin);
      this.#suspects.clear();
      await Promise.all(
        [...byPlugin].flatMap(([plugin, calls]) =>
          portions(calls).map((some) => this.#ask(plugin, some, signal)),
        ),
      );
    }
  }

  async #ask(plugin: string, calls: RunningCall[], signal: AbortSignal): Promise<void> {
    const losses = new Map(calls.map((call) => [call, call.loss]));
    let answers: string[][];
    try {
      const replies = await this.#connection.requestMany(subjects.inflight(plugin), inflightQuery(calls), {
        forMs: this.#askMs,
        signal,
      });
      answers = replies.flatMap((reply) => {
        const { invocation_ids } = readInflightReply(reply) ?? {};
        return invocation_ids ? [invocation_ids] : [];
      });
    } catch {
      // The broker is gone again: these are suspects until its next return.
      return this.#suspect(calls);
    }
    // Without an answer nothing is known: the plugin is not back yet, or has no SDK and may be at work.
    const isAnswered = answers.length > 0;
    const areAll = answers.length >= this.#instancesOf(plugin);
    const held = new Set(answers.flat());
    const isLost = (call: RunningCall): boolean =>
      isAnswered ? !held.has(call.invocationId) : call.isIdempotent();
    // What a death has made us send again meanwhile the answers do not speak of.
    const asked = calls.filter((call) => this.#running.has(call) && call.loss === losses.get(call));
    for (const call of asked) {
      if (isLost(call) && (areAll || !isAnswered || this.#doubted.has(call)))
        call.end(this.#lost(lostDetail(call, isAnswered)));
      else if (isLost(call)) {
        // One that is not back yet may have it.
        this.#doubted.add(call);
        this.#suspects.add(call);
      } else if (!isAnswered) this.#suspects.add(call);
    }
  }

  #suspect(calls: RunningCall[]): void {
    for (const call of calls) if (this.#running.has(call)) this.#suspects.add(call);
  }
}

function lostDetail({ plugin }: RunningCall, isAnswered: boolean): string {
  const found = isAnswered
    ? 'no instance holds the invocation: it was lost before it could run, or its answer was'
    : 'nobody answers what has become of the invocation: it may be lost, and is given up because it may be sent again';
  return `The connection to the broker was lost while an invocation of ${plugin} was under way. It is back, and ${found}.`;
}
