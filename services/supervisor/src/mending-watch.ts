import { now } from './clock.ts';
import { lastChange } from './last-change.ts';
import type { Plugin } from './plugin.ts';

/** A folder may be large: of the time at most a part in so many is spent on looking into one. */
const pauseFactor = 20;

/** Sees when somebody changes the folder of a plugin that has failed. */
export class MendingWatch {
  readonly #settleMs: number;
  /** When to look again, as `now()` gives it. */
  readonly #lookFrom = new WeakMap<Plugin, number>();

  /** @param settleMs how long nothing in the folder may have changed before that counts */
  constructor(settleMs: number) {
    this.#settleMs = settleMs;
  }

  /**
   * Whether its folder was changed since it failed. What was changed while it ran does not count: the plugin may have
   * written it, and would so keep itself from ever being left down.
   * @param lookedAt when the folders were looked at, ms since the epoch: what has settled since then may not be read yet
   */
  async isMended(plugin: Plugin, lookedAt: number): Promise<boolean> {
    const { source, setback, managed } = plugin;
    if (!source || setback.failures === 0 || managed.size > 0) return false;
    const startedAt = now();
    if (startedAt < (this.#lookFrom.get(plugin) ?? 0)) return false;
    const settledBefore = lookedAt - this.#settleMs;
    try {
      const { at } = await lastChange(source.folder, Math.max(setback.failedAt, settledBefore));
      return at > setback.failedAt && at <= settledBefore;
    } catch {
      // Something went while we looked: it is being changed, and looked at again.
      return false;
    } finally {
      this.#lookFrom.set(plugin, now() + pauseFactor * (now() - startedAt));
    }
  }
}
