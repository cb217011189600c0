import type { Logger } from '@bkg/sdk';

const mostSaid = 1_000;

/** Warns of what is found at each look, once. */
export class SayOnce {
  readonly #log: Pick<Logger, 'warn'>;
  readonly #said = new Set<string>();

  constructor(log: Pick<Logger, 'warn'>) {
    this.#log = log;
  }

  /** @param why as the end of it; another one is not said again */
  say(text: string, why?: string): void {
    if (this.#said.has(text) || this.#said.size > mostSaid) return;
    this.#said.add(text);
    this.#log.warn(why ? `${text}: ${why}` : text);
  }

  /** It is so no more: when it is again, it is said again. */
  unsay(text: string): void {
    this.#said.delete(text);
  }
}
