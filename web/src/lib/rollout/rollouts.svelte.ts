import type { PluginInfo, Problem } from '@bkg/sdk/protocol';
import { SvelteMap } from 'svelte/reactivity';
import { problemOfError } from '../request.ts';
import { rollBackPlugin, swapPlugin } from './orders.ts';

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
    try {
      this.#options.onPlugin(await send(id, order));
    } catch (error) {
      const problem = problemOfError(error);
      if (!this.#goesOn(id, problem)) this.#failures.set(id, { order, problem });
    } finally {
      this.#pending.delete(id);
    }
  }

  /** Only the answer is late: what becomes of the rollout is told all the same. */
  #goesOn(id: string, { code }: Problem): boolean {
    const isLate = code === 'DEADLINE_EXCEEDED' || code === 'NO_ANSWER';
    return isLate && this.#options.find(id)?.rollout?.state === 'running';
  }
}

function send(id: string, order: RolloutOrder): Promise<PluginInfo> {
  if (order.verb === 'swap') {
    const { verb: _swap, ...body } = order;
    return swapPlugin(id, body);
  }
  const { verb: _rollback, ...body } = order;
  return rollBackPlugin(id, body);
}
