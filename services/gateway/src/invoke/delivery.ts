import type { Msg } from '@nats-io/nats-core';
import { BkgError, headerNames, isSubjectToken, NoRespondersError, problemOfMsg, subjects } from '@bkg/sdk';
import type { Ask, Attempt } from './attempt.ts';
import { explain } from './explain.ts';
import type { HeldCalls } from './held-calls.ts';
import type { InstanceChoice } from './instance-choice.ts';

export interface DeliveryParts {
  held: HeldCalls;
  choice: InstanceChoice;
}

/** With these the wait for an answer has ended, and the work for it perhaps not. INTERNAL: the stream of it was broken. */
const givenUp: ReadonlySet<string> = new Set(['DEADLINE_EXCEEDED', 'CANCELLED', 'INTERNAL']);

/** How an invocation gets to an instance: at once, or when there is one again. */
export class Delivery {
  readonly #parts: DeliveryParts;

  constructor(parts: DeliveryParts) {
    this.#parts = parts;
  }

  /** The reply, or its first message. @throws BkgError in the words for the caller */
  async answer(attempt: Attempt, ask: Ask): Promise<Msg> {
    try {
      return await this.#reach(attempt, ask, attempt.firstMs);
    } catch (error) {
      if (!(error instanceof NoRespondersError)) throw this.#failed(attempt, error);
      return await this.#hold(attempt, ask);
    }
  }

  /** @throws NoRespondersError when nobody has got it */
  async #reach(attempt: Attempt, ask: Ask, timeoutMs: number): Promise<Msg> {
    const { call } = attempt;
    const owners = this.#parts.choice.ownersOf(call);
    const reply =
      owners.length > 0
        ? await this.#askOwners(attempt, ask, owners, timeoutMs)
        : await ask(subjects.invokeCapability(call.pluginId, call.capability), timeoutMs);
    const busy = busyInstanceOf(reply);
    return busy === undefined ? reply : this.#secondTry(attempt, ask, busy, reply);
  }

  /** Those first, and then whoever the broker chooses. @throws NoRespondersError when nobody has got it */
  async #askOwners(attempt: Attempt, ask: Ask, owners: readonly string[], timeoutMs: number): Promise<Msg> {
    const { pluginId, capability } = attempt.call;
    for (const [i, instance] of owners.entries()) {
      try {
        const subject = subjects.invokeAt(pluginId, instance, capability);
        return await ask(subject, i === 0 ? timeoutMs : attempt.leftMs);
      } catch (error) {
        // It is going, or does not listen there.
        if (!(error instanceof NoRespondersError)) throw error;
      }
    }
    return ask(subjects.invokeCapability(pluginId, capability), attempt.leftMs);
  }

  /** An instance has no place, and nothing was executed: another one may have. @returns its answer; else that of the first */
  async #secondTry(attempt: Attempt, ask: Ask, busy: string, reply: Msg): Promise<Msg> {
    const { call, running } = attempt;
    const { choice } = this.#parts;
    if (running.isCancelled) throw new BkgError('CANCELLED', 'It was cancelled before it found a place.');
    const leftMs = attempt.leftMs;
    const other = attempt.isUnbegun ? choice.another(call, busy, leftMs) : undefined;
    if (other === undefined) return reply;
    try {
      const second = await ask(subjects.invokeAt(call.pluginId, other, call.capability), leftMs);
      if (busyInstanceOf(second) !== undefined) choice.notMoved(call, other, true);
      return second;
    } catch (error) {
      if (!(error instanceof NoRespondersError)) throw error;
      choice.notMoved(call, other, false);
      return reply;
    }
  }

  /** Nobody has got it. @throws BkgError at once when it is not held */
  async #hold(attempt: Attempt, ask: Ask): Promise<Msg> {
    const { call, lane, timeoutMs, deadlineAt, controller, running } = attempt;
    // Until it is sent again there is nothing that the broker could lose.
    lane.running.delete(running);
    const { pluginId, invocationId, capability, mayRead, body } = call;
    const send = (): Promise<Msg> => this.#sendAgain(attempt, ask);
    try {
      return await this.#parts.held.run({
        pluginId,
        invocationId,
        capability,
        mayRead,
        body,
        timeoutMs,
        deadlineAt,
        controller,
        broker: lane.broker,
        send,
      });
    } catch (error) {
      throw running.explain(error);
    }
  }

  /** @throws NoRespondersError; what `run` throws */
  async #sendAgain(attempt: Attempt, ask: Ask): Promise<Msg> {
    const { lane, running } = attempt;
    const { loss } = running;
    lane.running.add(running);
    try {
      return await this.#reach(attempt, ask, attempt.leftMs);
    } catch (error) {
      lane.running.delete(running);
      // Somebody had it, and died with it, when it has been sent another time meanwhile.
      const isUntaken = error instanceof NoRespondersError && running.loss === loss;
      throw isUntaken ? error : this.#failed(attempt, error);
    }
  }

  /** Whoever has it need not go on, when nobody waits any more. */
  #failed(attempt: Attempt, error: unknown): unknown {
    const isGivenUp = error instanceof BkgError && givenUp.has(error.code);
    if (isGivenUp) attempt.lane.cancel(attempt.call.pluginId, attempt.call.invocationId);
    return explain(attempt, error);
  }
}

/** The instance that has no place for an invocation; undefined for any other answer. */
function busyInstanceOf(reply: Msg): string | undefined {
  const instance = reply.headers?.get(headerNames.instance);
  if (!instance || !isSubjectToken(instance)) return undefined;
  return problemOfMsg(reply)?.code === 'BUSY' ? instance : undefined;
}
