import type { PluginInfo, Problem, Rollout } from '@bkg/sdk/protocol';
import { SvelteMap } from 'svelte/reactivity';
import type { CallOptions } from '../plugins.ts';
import { isOutcomeUnknown, problemOfError } from '../request.ts';
import { wait } from '../wait.ts';
import { rollBackPlugin, swapPlugin } from './orders.ts';
import { isOvertakenByStop } from './refusal.ts';

const lookEveryMs = 250;
/** The receipt comes over the socket, the answer that tells more of a refusal a little later. */
const answerAfterReceiptMs = 3_000;

export type RolloutOrder =
  | { verb: 'swap'; version: string; why: string; force?: boolean }
  | { verb: 'rollback'; to: number; why: string; force?: boolean };

export interface OrderFailure {
  order: RolloutOrder;
  problem: Problem;
}

export interface RolloutsOptions {
  /** What is known of a plugin. */
  find: (id: string) => PluginInfo | undefined;
  /** Takes over what an order learnt. */
  onPlugin: (plugin: PluginInfo) => void;
}

/** Swaps and rollbacks that were ordered here, and those that failed, for every plugin. */
export class Rollouts {
  #pending = new SvelteMap<string, RolloutOrder>();
  #failures = new SvelteMap<string, OrderFailure>();
  #options: RolloutsOptions;

  constructor(options: RolloutsOptions) {
    this.#options = options;
  }

  pending(id: string): RolloutOrder | undefined {
    return this.#pending.get(id);
  }

  failure(id: string): OrderFailure | undefined {
    return this.#failures.get(id);
  }

  dismiss(id: string): void {
    this.#failures.delete(id);
  }

  /** Resolves when it is done, however it went; while one is under way, nothing happens. */
  async run(id: string, order: RolloutOrder): Promise<void> {
    if (this.#pending.has(id)) return;
    this.#pending.set(id, order);
    this.#failures.delete(id);
    const before = this.#options.find(id)?.rollout;
    const receipt = () => receiptSince(before, order, this.#options.find(id)?.rollout);
    const answered = new AbortController();
    const given = new AbortController();
    void this.#giveUp(receipt, answered.signal, given);
    try {
      this.#options.onPlugin(await send(id, order, { signal: given.signal }));
    } catch (error) {
      const problem = problemOfError(error);
      const isTold = given.signal.aborted || this.#isToldElsewhere(id, problem, receipt());
      if (!isTold) this.#failures.set(id, { order, problem });
    } finally {
      answered.abort();
      this.#pending.delete(id);
    }
  }

  /** Waits for no answer any more when the rollout has ended without one: whoever was to give it may be gone. */
  async #giveUp(
    receipt: () => Rollout | undefined,
    answered: AbortSignal,
    given: AbortController,
  ): Promise<void> {
    while (!answered.aborted && !receipt()) await wait(lookEveryMs, answered);
    await wait(answerAfterReceiptMs, answered);
    if (!answered.aborted) given.abort();
  }

  /** The receipt says what has become of the order, or will: the answer is only late, or the reader has stopped it. */
  #isToldElsewhere(id: string, problem: Problem, receipt: Rollout | undefined): boolean {
    if (problem.code === 'CONFLICT') return isOvertakenByStop(problem.detail);
    if (!isOutcomeUnknown(problem)) return false;
    return receipt !== undefined || this.#options.find(id)?.rollout?.state === 'running';
  }
}

/** The receipt of the order, once it has ended; undefined as long as there is none. */
function receiptSince(
  before: Rollout | undefined,
  order: RolloutOrder,
  rollout: Rollout | undefined,
): Rollout | undefined {
  if (!rollout || rollout.state === 'running' || rollout.verb !== order.verb) return undefined;
  if (order.verb === 'swap' && rollout.to !== order.version) return undefined;
  const isNewer = !before || Date.parse(rollout.started_at) > Date.parse(before.started_at);
  return isNewer ? rollout : undefined;
}

function send(id: string, order: RolloutOrder, options: CallOptions): Promise<PluginInfo> {
  if (order.verb === 'swap') {
    const { verb: _swap, ...body } = order;
    return swapPlugin(id, body, options);
  }
  const { verb: _rollback, ...body } = order;
  return rollBackPlugin(id, body, options);
}
