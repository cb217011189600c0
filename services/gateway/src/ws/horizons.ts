import type { Caller } from '../access/caller.ts';
import type { Sequence } from './sequence.ts';

/**
 * Since when each caller may see what it sees now. Who comes back after more than that must not be told of the changes
 * alone: of plugins that it could not see before it knows nothing.
 */
export class Horizons {
  readonly #sequence: Sequence;
  readonly #since = new WeakMap<Caller, { revision: number; seq: number }>();

  constructor(sequence: Sequence) {
    this.#sequence = sequence;
  }

  of(caller: Caller): number {
    const { revision } = caller;
    const known = this.#since.get(caller);
    if (known?.revision === revision) return known.seq;
    const seq = this.#sequence.last;
    this.#since.set(caller, { revision, seq });
    return seq;
  }
}
