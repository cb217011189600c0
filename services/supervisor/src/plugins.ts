import { Plugin } from './plugin.ts';
import type { IsolationOf } from './plugin.ts';

/** Anybody may publish events under any name: those who only do so are not taken beyond this; whose code lies here is. */
const pluginsMost = 1_000;

/** All plugins that are known, and who wants to hear when something about one has changed. */
export class Plugins {
  readonly #plugins = new Map<string, Plugin>();
  readonly #listeners = new Set<(id: string) => void>();
  readonly #isolationOf: IsolationOf;
  /** Until another comes or one goes: it is looked through several times a second. */
  #sorted: readonly Plugin[] | undefined;

  constructor(isolationOf: IsolationOf = () => undefined) {
    this.#isolationOf = isolationOf;
  }

  get(id: string): Plugin | undefined {
    return this.#plugins.get(id);
  }

  get hasRoom(): boolean {
    // `source` is undefined exactly then, and takes longer: this is asked for each event of an unknown name.
    return this.all().filter(({ sources }) => sources.length === 0).length < pluginsMost;
  }

  ensure(id: string): Plugin {
    const known = this.#plugins.get(id);
    if (known) return known;
    const plugin = new Plugin(id, this.#isolationOf);
    this.#plugins.set(id, plugin);
    this.#sorted = undefined;
    return plugin;
  }

  /** By their ids. */
  all(): readonly Plugin[] {
    return (this.#sorted ??= [...this.#plugins.values()].sort((a, b) => (a.id < b.id ? -1 : 1)));
  }

  forget(id: string): void {
    if (!this.#plugins.delete(id)) return;
    this.#sorted = undefined;
    this.#tell(id);
  }

  /** Something about a plugin is not what it was. */
  changed(id: string): void {
    const plugin = this.#plugins.get(id);
    if (plugin) plugin.observedAt = new Date().toISOString();
    this.#tell(id);
  }

  /** @returns ends it */
  onChange(listener: (id: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Waits until `check` gives something other than undefined; it is asked after each change of the plugin.
   * @throws what `check` throws; what `onLate` gives after `withinMs`; the reason of `signal`
   */
  until<T>(
    id: string,
    check: () => T | undefined,
    { withinMs, onLate, signal }: { withinMs: number; onLate: () => Error; signal: AbortSignal },
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', abort);
        this.#listeners.delete(look);
      };
      const fail = (error: unknown): void => {
        leave();
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- it is what somebody threw
        reject(error);
      };
      const abort = (): void => fail(signal.reason);
      const look = (changed: string): void => {
        if (changed !== id) return;
        try {
          const value = check();
          if (value === undefined) return;
          leave();
          resolve(value);
        } catch (error) {
          fail(error);
        }
      };
      const timer = setTimeout(() => fail(onLate()), withinMs);
      signal.addEventListener('abort', abort, { once: true });
      this.#listeners.add(look);
      if (signal.aborted) abort();
      else look(id);
    });
  }

  #tell(id: string): void {
    for (const listener of this.#listeners) listener(id);
  }
}
