import { SvelteMap } from 'svelte/reactivity';
import { addReading, type History } from './history.ts';

/** Between two readings of a page that looks on; after a longer silence the line has a gap. */
const silenceMs = 6_000;

/** CPU over the last minutes for every plugin, kept while the page lives, so that it goes on from page to page. */
export class Readings {
  #cpu = new SvelteMap<string, History>();
  #lastAt: Record<string, number> = {};

  cpu(id: string): History {
    return this.#cpu.get(id) ?? [];
  }

  /** @param percent undefined while the plugin does not run */
  add(id: string, percent: number | undefined): void {
    const now = Date.now();
    const lastAt = this.#lastAt[id] ?? now;
    // A socket and a poll may both bring the same reading.
    if (now - lastAt < 500 && this.#cpu.has(id)) return;
    const before = this.cpu(id);
    const silent = now - lastAt > silenceMs;
    this.#cpu.set(id, addReading(silent ? addReading(before, undefined) : before, percent));
    this.#lastAt[id] = now;
  }
}
