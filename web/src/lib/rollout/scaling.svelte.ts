import type { PluginInfo, Problem } from '@bkg/sdk/protocol';
import { problemOfError } from '../request.ts';
import { scalePlugin } from './orders.ts';

/** Several clicks in a row are one order. */
const settleMs = 400;

/** How many instances somebody wishes for here, until the mesh has answered. */
export class Scaling {
  /** Undefined when nothing is under way. */
  wanted = $state<number>();
  problem = $state.raw<Problem>();
  #id: string;
  #onPlugin: (plugin: PluginInfo) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(id: string, onPlugin: (plugin: PluginInfo) => void) {
    this.#id = id;
    this.#onPlugin = onPlugin;
  }

  /** The last wish counts; it is sent when no other follows within 0.4 s. */
  ask(replicas: number): void {
    this.wanted = replicas;
    this.problem = undefined;
    clearTimeout(this.#timer);
    const timer = setTimeout(() => void this.#send(replicas, timer), settleMs);
    this.#timer = timer;
  }

  async #send(replicas: number, timer: ReturnType<typeof setTimeout>): Promise<void> {
    // A later wish makes the mesh answer the earlier one with CONFLICT: that is what the reader wanted, no failure.
    const isLatest = () => this.#timer === timer;
    try {
      const plugin = await scalePlugin(this.#id, { replicas });
      if (isLatest()) this.#onPlugin(plugin);
    } catch (error) {
      if (isLatest()) this.problem = problemOfError(error);
    } finally {
      if (isLatest()) this.wanted = undefined;
    }
  }
}
