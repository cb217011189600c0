import type { Connection } from '../connection.ts';
import { delay } from '../host/delay.ts';
import { Exchange, Listener } from './answers.ts';
import type { Answer, Request } from './answers.ts';
import { bodyOf } from './bodies.ts';
import { assertSlow, check, everyMsOf, saysItsRhythm } from './checks.ts';
import type { CheckContext } from './checks.ts';
import { FlowSteps } from './flow-steps.ts';
import { heldOf } from './holding.ts';
import { Load } from './load.ts';
import { valuesAt } from './places.ts';
import { assertMoved, assertQuiet, readTally } from './statistics.ts';
import type { Tally } from './statistics.ts';
import type { AskStep, Check, Step } from './suite.ts';
import type { Target } from './target.ts';
import { filled, named, variablesOf } from './variables.ts';
import type { Binding, Variables } from './variables.ts';
import { Broken, NotTried } from './verdict.ts';

export interface CaseRunOptions {
  connection: Connection;
  target: Target;
  binding: Binding;
  signal: AbortSignal;
  /** Asks the drained instance to end, and resolves when it is gone. */
  drain: (instance: string, withinMs: number) => Promise<void>;
}

const withinMsDefault = 5_000;
const heldMs = 1_000;
const loadMs = 10_000;

interface Sent {
  exchanges: Exchange[];
  isSlow: boolean;
}

/** One case, once: its steps in order, and what they have sent and heard so far. */
export class CaseRun {
  readonly #connection: Connection;
  readonly #target: Target;
  readonly #signal: AbortSignal;
  readonly #drain: CaseRunOptions['drain'];
  readonly #variables: Variables;
  readonly #context: CheckContext;
  readonly #sent = new Map<string, Sent>();
  readonly #listeners = new Map<string, Listener>();
  readonly #loads = new Map<string, Load>();
  readonly #tallies = new Map<string, Tally>();
  readonly #flow: FlowSteps;
  readonly #closing: (() => void)[] = [];

  constructor({ connection, target, binding, signal, drain }: CaseRunOptions) {
    this.#connection = connection;
    this.#target = target;
    this.#signal = signal;
    this.#drain = drain;
    this.#context = { target, sample: binding.sample };
    this.#flow = new FlowSteps({ connection, target, context: this.#context, signal });
    this.#closing.push(() => this.#flow.close());
    this.#variables = variablesOf(target, binding, this.#flow);
  }

  /** @throws Broken, NotTried */
  async run(steps: readonly Step[]): Promise<void> {
    try {
      for (const step of steps) {
        if (step.when === 'slow' && !this.#target.slow) continue;
        await this.#step(filled(step, this.#variables));
        this.#signal.throwIfAborted();
      }
    } finally {
      for (const load of this.#loads.values()) await load.stop(0, this.#signal).catch(() => undefined);
      for (const close of this.#closing) close();
    }
  }

  async #step(step: Step): Promise<void> {
    const [connection, target, signal] = [this.#connection, this.#target, this.#signal];
    if ('ask' in step) await this.#ask(step);
    else if ('await' in step) await this.#await(step.await, step.within_ms, step.expect);
    else if ('publish' in step) connection.nats.publish(step.publish, bodyOf(step));
    else if ('until_held' in step) await this.#untilHeld(step.until_held);
    else if ('pause_ms' in step) await delay(step.pause_ms, signal);
    else if ('quiet_ms' in step) await assertQuiet(connection, target, step.quiet_ms, signal);
    else if ('statistics' in step)
      this.#tallies.set(step.statistics, await readTally(connection, target, signal));
    else if ('moved' in step)
      await assertMoved(connection, target, named(this.#tallies, step.moved), step, signal);
    else if ('listen' in step) await this.#listen(step.listen, step.as);
    else if ('heard' in step) await this.#heard(step);
    else if ('load' in step) await this.#load(step);
    else if ('drain' in step) await this.#drain(String(this.#variables('drained')), step.within_ms);
    else if ('stop_load' in step) await this.#stopLoad(step);
    else if ('upload' in step)
      this.#sent.set(step.as, { exchanges: [this.#flow.upload(step)], isSlow: false });
    else await this.#flow.take(step);
  }

  async #ask(step: AskStep): Promise<void> {
    const { times = 1, within_ms: withinMs, for_ms: forMs, as = '', slow: isSlow = false } = step;
    const request: Request = {
      subject: step.ask,
      body: bodyOf(step),
      headers: step.headers ?? {},
      ...(step.reply !== undefined && { reply: step.reply }),
    };
    const exchanges = Array.from({ length: times }, () => new Exchange(this.#connection, request));
    this.#closing.push(...exchanges.map((exchange) => () => exchange.close()));
    this.#sent.set(as, { exchanges, isSlow });
    if (step.later) return;
    if (forMs !== undefined) await delay(forMs, this.#signal);
    const expectsNone = step.expect?.some((one) => 'answers' in one && one.answers === 0);
    await this.#await(as, expectsNone ? 0 : withinMs, step.expect, step.only);
  }

  async #await(
    name: string,
    withinMs = withinMsDefault,
    expect: readonly Check[] = [],
    only: Record<string, unknown> = {},
  ): Promise<void> {
    const { exchanges, isSlow } = named(this.#sent, name);
    const isWanted = ({ json }: Answer): boolean =>
      Object.entries(only).every(([place, value]) => valuesAt(json, place).includes(value));
    await Promise.all(exchanges.map((exchange) => exchange.answered(withinMs, isWanted)));
    this.#signal.throwIfAborted();
    for (const exchange of exchanges) {
      const answers = exchange.answers.filter(isWanted);
      if (isSlow) assertSlow(answers);
      for (const one of expect) check(one, answers, this.#context);
    }
  }

  /** Who does not serve `inflight` is given a moment instead. */
  async #untilHeld(ids: string[]): Promise<void> {
    const until = performance.now() + heldMs;
    while (performance.now() < until) {
      const held = await heldOf(this.#connection, this.#target, ids, this.#signal);
      if (ids.every((id) => held.includes(id))) return;
      await delay(20, this.#signal);
    }
  }

  async #listen(subject: string, as: string): Promise<void> {
    const listener = new Listener(this.#connection, subject);
    this.#listeners.set(as, listener);
    this.#closing.push(() => listener.close());
    await this.#connection.flush();
  }

  async #heard(step: Extract<Step, { heard: string }>): Promise<void> {
    const listener = named(this.#listeners, step.heard);
    await listener.heard(step.least, step.within_ms, this.#signal);
    // Other events are not repeated.
    const everyMs = Math.max(0, ...listener.answers.filter(saysItsRhythm).map(everyMsOf));
    const isFew = listener.answers.length < step.least;
    const isSlow = isFew && everyMs * step.least > step.within_ms;
    if (isFew && !isSlow)
      throw new Broken(`at least ${step.least} events`, `${listener.answers.length} in ${step.within_ms} ms`);
    for (const one of step.expect) check(one, listener.answers, this.#context);
    if (isSlow) {
      throw new NotTried(
        `in a mesh as large as this it is told to beat every ${everyMs} ms: ${step.least} heartbeats are not waited for, and what came is right`,
      );
    }
  }

  async #load(step: Extract<Step, { load: string }>): Promise<void> {
    const request = { subject: step.load, body: bodyOf(step), headers: step.headers ?? {} };
    const load = new Load(this.#connection, request, step.at_once, this.#signal);
    this.#loads.set(step.as, load);
    await load.reached(step.least, loadMs, this.#signal);
  }

  async #stopLoad(step: Extract<Step, { stop_load: string }>): Promise<void> {
    const load = named(this.#loads, step.stop_load);
    const lost = await load.stop(step.within_ms, this.#signal);
    if (lost > 0)
      throw new Broken(`an answer to each of ${load.sent} invocations`, `none to ${lost} of them`);
    for (const one of step.expect) check(one, load.answers, this.#context);
  }
}
