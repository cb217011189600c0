import type { Logger } from '@bkg/sdk';
import type { Store } from './store.ts';

/** Written in one go; the others wait for the next. */
const writesMost = 500;
const minuteMs = 60_000;

/**
 * When keys were used last, to the minute. That is written beside the work and not within it: no answer waits for it,
 * and of the uses within a minute, on whatever instance, one is written.
 */
export class Uses {
  readonly #store: Store;
  readonly #log: Logger;
  readonly #now: () => number;
  /** Minutes since the epoch, by prefix: as many as there are keys. */
  readonly #noted = new Map<string, number>();

  constructor({ store, log, now }: { store: Store; log: Logger; now: () => number }) {
    this.#store = store;
    this.#log = log;
    this.#now = now;
  }

  note(prefix: string): void {
    this.#noted.set(prefix, Math.floor(this.#now() / minuteMs));
  }

  /** RFC 3339; undefined when it was never used. */
  last(prefix: string): string | undefined {
    const minute = Math.max(this.#noted.get(prefix) ?? 0, this.#written(prefix));
    return minute > 0 ? new Date(minute * minuteMs).toISOString() : undefined;
  }

  /** Writes what is not written yet. */
  async flush(): Promise<void> {
    const noted = [...this.#noted].slice(0, writesMost);
    for (const [prefix, minute] of noted) {
      if (this.#written(prefix) < minute && this.#store.get('key', prefix)) {
        try {
          const revision = this.#store.get('used', prefix)?.revision ?? 0;
          // When another instance was faster, it has written the same minute, or the next use will tell.
          await this.#store.write('used', prefix, { at: new Date(minute * minuteMs).toISOString() }, revision);
        } catch (error) {
          this.#log.warn({ error, waiting: this.#noted.size }, 'when keys were used last cannot be written now');
          return;
        }
      }
      if (this.#noted.get(prefix) === minute) this.#noted.delete(prefix);
    }
  }

  #written(prefix: string): number {
    const at = this.#store.get('used', prefix)?.value.at;
    return at === undefined ? 0 : Math.floor(Date.parse(at) / minuteMs);
  }
}
