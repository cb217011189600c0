import type { PluginInfo, Problem } from '@bkg/sdk/protocol';
import { SvelteMap } from 'svelte/reactivity';
import { actOnPlugin } from './plugins.ts';
import { problemOfError } from './request.ts';
import type { Action } from './status.ts';

export interface ActionFailure {
  action: Action;
  problem: Problem;
}

/** Starts, stops and restarts under way, and those that failed, for every plugin. */
export class Actions {
  #pending = new SvelteMap<string, { action: Action }>();
  #failures = new SvelteMap<string, ActionFailure>();
  #done = new SvelteMap<string, Action>();
  #onPlugin: (plugin: PluginInfo) => void;

  constructor(onPlugin: (plugin: PluginInfo) => void) {
    this.#onPlugin = onPlugin;
  }

  pending(id: string): Action | undefined {
    return this.#pending.get(id)?.action;
  }

  failure(id: string): ActionFailure | undefined {
    return this.#failures.get(id);
  }

  /** What was done last, until the next begins. */
  done(id: string): Action | undefined {
    return this.#done.get(id);
  }

  dismiss(id: string): void {
    this.#failures.delete(id);
  }

  /** Resolves when it is done, however it went. */
  async run(id: string, action: Action): Promise<void> {
    const mine = { action };
    this.#pending.set(id, mine);
    this.#failures.delete(id);
    this.#done.delete(id);
    // A later click makes the mesh answer the earlier one with CONFLICT: that is what the reader wanted, no failure.
    const isLatest = () => this.#pending.get(id) === mine;
    try {
      const plugin = await actOnPlugin(id, action);
      if (!isLatest()) return;
      this.#onPlugin(plugin);
      this.#done.set(id, action);
    } catch (error) {
      if (isLatest()) this.#failures.set(id, { action, problem: problemOfError(error) });
    } finally {
      if (isLatest()) this.#pending.delete(id);
    }
  }
}
