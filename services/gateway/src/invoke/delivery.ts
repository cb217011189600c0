import type { Msg } from '@nats-io/nats-core';
import { BkgError, NoRespondersError, subjects } from '@bkg/sdk';
import type { LostCalls } from '@bkg/sdk';
import { leftMsOf } from './attempt.ts';
import type { Ask, Attempt } from './attempt.ts';
import type { Broker } from '../mesh/broker.ts';
import type { Call } from './call.ts';
import { explain } from './explain.ts';
import type { HeldCalls } from './held-calls.ts';

export interface DeliveryParts {
  broker: Broker;
  running: LostCalls;
  held: HeldCalls;
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
      return await this.#reach(attempt, ask, attempt.timeoutMs);
    } catch (error) {
      if (!(error instanceof NoRespondersError)) throw this.#failed(attempt, error);
      return await this.#hold(attempt, ask);
    }
  }

  /** @throws NoRespondersError when nobody has got it */
  #reach(attempt: Attempt, ask: Ask, timeoutMs: number): Promise<Msg> {
    const { pluginId, capability } = attempt.call;
    return ask(subjects.invokeCapability(pluginId, capability), timeoutMs);
  }

  /** Nobody has got it. @throws BkgError at once when it is not held */
  async #hold(attempt: Attempt, ask: Ask): Promise<Msg> {
    const { call, timeoutMs, deadlineAt, controller, running } = attempt;
    // Until it is sent again there is nothing that the broker could lose.
    this.#parts.running.delete(running);
    const { pluginId, capability, mayRead, body } = call;
    const send = (): Promise<Msg> => this.#sendAgain(attempt, ask);
    try {
      return await this.#parts.held.run({
        pluginId,
        capability,
        mayRead,
        body,
        timeoutMs,
        deadlineAt,
        controller,
        send,
      });
    } catch (error) {
      throw running.explain(error);
    }
  }

  /** @throws NoRespondersError; what `run` throws */
  async #sendAgain(attempt: Attempt, ask: Ask): Promise<Msg> {
    const { running } = attempt;
    const { loss } = running;
    this.#parts.running.add(running);
    try {
      return await this.#reach(attempt, ask, leftMsOf(attempt));
    } catch (error) {
      this.#parts.running.delete(running);
      // Somebody had it, and died with it, when it has been sent another time meanwhile.
      const isUntaken = error instanceof NoRespondersError && running.loss === loss;
      throw isUntaken ? error : this.#failed(attempt, error);
    }
  }

  /** Whoever has it need not go on, when nobody waits any more. */
  #failed(attempt: Attempt, error: unknown): unknown {
    const isGivenUp = error instanceof BkgError && givenUp.has(error.code);
    if (isGivenUp) this.cancel(attempt.call);
    return explain(attempt, error);
  }

  /** Whoever has it need not go on. */
  cancel({ pluginId, invocationId }: Call): void {
    this.#parts.broker.publish(subjects.cancel(pluginId), JSON.stringify({ invocation_id: invocationId }));
  }
}
