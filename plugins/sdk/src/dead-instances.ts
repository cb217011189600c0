import { setImmediate as turn } from 'node:timers/promises';
import type { Msg } from '@nats-io/nats-core';
import type { BriefSet } from './brief-set.ts';
import { wait } from './client/wait.ts';
import type { Connection } from './connection.ts';
import { deathError, deathIn } from './death.ts';
import type { Death } from './death.ts';
import { inflightQuery, portions, readInflightReply } from './inflight-question.ts';
import { timeoutMostMs } from './protocol/headers.ts';
import { subjects } from './protocol/subjects.ts';
import { NoRespondersError } from './request-failures.ts';
import type { RunningCall } from './running-call.ts';

/** Which of these invocations of a plugin somebody holds. */
interface Question {
  /** The one whose holders are looked for; who dies before it has answered takes its place. */
  death: Death;
  /** That nobody has claimed, and that still wait. */
  calls: Set<RunningCall>;
  /** Instances that have yet to answer. */
  awaited: Set<string>;
  complete: PromiseWithResolvers<void>;
  closing: AbortController;
}

/** After everybody known has answered, for instances that nobody knew of. */
const strangersMs = 100;
/** Those that are remembered; the oldest are forgotten first. */
const deadMost = 4_096;
/** As the protocol has it: of a longer list nobody knows whether it is whole. */
const othersMost = 256;

/**
 * What becomes of invocations whose instance may have died: the others are asked what they hold, and nobody waits for what
 * none of them has. There is no shorter time-out than the deadlines: an instance that is busy has the request in its
 * socket, and does not know of it yet.
 */
export class DeadInstances {
  readonly #connection: Pick<Connection, 'request' | 'flush'>;
  readonly #running: BriefSet<RunningCall>;
  /** Those on whose death something was done, as `<plugin>.<instance>`: the same news again is none. */
  readonly #dead = new Set<string>();
  readonly #open = new Set<Question>();
  /** One question about each at a time: who dies meanwhile is one less to wait for. */
  readonly #asked = new Map<RunningCall, Question>();

  /**
   * @param connection the one that carries the invocations: the broker keeps the order of what comes on it
   * @param running those that wait for their answers
   */
  constructor(connection: Pick<Connection, 'request' | 'flush'>, running: BriefSet<RunningCall>) {
    this.#connection = connection;
    this.#running = running;
  }

  /** Takes a status event. */
  hear(msg: Msg): void {
    const death = deathIn(msg);
    if (!death || this.#dead.has(nameOf(death.plugin, death.instance))) return;
    for (const question of this.#open) lose(question, death);
    const others = death.others.filter(({ instance }) => !this.#dead.has(nameOf(death.plugin, instance)));
    // What one without the SDK holds nobody can say, nor what those hold who had no room on the list: the deadlines count.
    if (death.others.length > othersMost || others.some(({ inflight }) => !inflight)) return;
    const calls: RunningCall[] = [];
    for (const call of this.#running)
      if (call.plugin === death.plugin && !this.#asked.has(call)) calls.push(call);
    if (calls.length === 0) return;
    this.#remember(nameOf(death.plugin, death.instance));
    for (const some of portions(calls)) {
      void this.#ask({
        death,
        calls: new Set(some),
        awaited: new Set(others.map(({ instance }) => instance)),
        complete: Promise.withResolvers(),
        closing: new AbortController(),
      });
    }
  }

  /** It does not wait any more. */
  forget(call: RunningCall): void {
    // So that nothing is looked up for each invocation as long as everybody lives.
    const question = this.#asked.size > 0 && this.#asked.get(call);
    if (!question) return;
    this.#asked.delete(call);
    question.calls.delete(call);
    if (question.calls.size === 0) this.#close(question);
  }

  /** Leaves every question open; all that waits goes on waiting. */
  stop(): void {
    for (const question of this.#open) this.#close(question);
  }

  #remember(name: string): void {
    this.#dead.add(name);
    const [oldest] = this.#dead;
    if (this.#dead.size > deadMost && oldest !== undefined) this.#dead.delete(oldest);
  }

  async #ask(question: Question): Promise<void> {
    const { calls, complete, closing } = question;
    this.#open.add(question);
    for (const call of calls) this.#asked.set(call, question);
    void this.#collect(question);
    look(question);
    await complete.promise;
    if (!(await wait(strangersMs, closing.signal))) return;
    // What the broker has for us, or we have in our socket, comes first. As long as it stands still nothing is known.
    while (!(await this.#connection.flush())) if (!(await wait(strangersMs, closing.signal))) return;
    await turn();
    if (closing.signal.aborted) return;
    this.#close(question);
    // Each with an error of its own: it will carry the id of its invocation.
    for (const call of calls) call.lose(deathError(question.death));
  }

  /** Takes the answers, until the question is closed. */
  async #collect(question: Question): Promise<void> {
    const { death, calls, closing } = question;
    try {
      await this.#connection.request(subjects.inflight(death.plugin), inflightQuery(calls), {
        // The last of its calls closes it, and each has its deadline.
        timeoutMs: timeoutMostMs,
        signal: closing.signal,
        accept: (reply) => {
          this.#take(question, reply);
          return false;
        },
      });
    } catch (error) {
      // Without anybody there is nobody to claim a call. Else it was closed, or the broker has gone: then it is not known
      // who holds what, and asked after its return.
      if (!(error instanceof NoRespondersError)) this.#close(question);
    }
  }

  #take(question: Question, msg: Msg): void {
    const reply = readInflightReply(msg);
    if (!reply) return;
    const held = new Set(reply.invocation_ids);
    if (held.size > 0) for (const call of question.calls) if (held.has(call.invocationId)) this.forget(call);
    question.awaited.delete(reply.instance);
    // Who answers lives, whatever somebody has said of it: its end, when it comes, is news.
    this.#dead.delete(nameOf(question.death.plugin, reply.instance));
    look(question);
  }

  #close(question: Question): void {
    if (!this.#open.delete(question)) return;
    for (const call of question.calls) this.#asked.delete(call);
    question.closing.abort();
    question.complete.resolve();
  }
}

function nameOf(plugin: string, instance: string): string {
  return `${plugin}.${instance}`;
}

/** An instance will not answer any more; what it had not told of may have been with it. */
function lose(question: Question, death: Death): void {
  if (death.plugin !== question.death.plugin || !question.awaited.delete(death.instance)) return;
  // The more careful verdict stays: what has taken all memory once is not tried again by itself.
  if (question.death.ended !== 'out_of_memory') question.death = death;
  look(question);
}

function look({ awaited, complete }: Question): void {
  if (awaited.size === 0) complete.resolve();
}
