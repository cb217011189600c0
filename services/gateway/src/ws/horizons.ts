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
    // Greater than all that anybody has got so far: also of one that is new here nobody knows what it could see before.
    const seq = this.#sequence.next();
    this.#since.set(caller, { revision, seq });
    return seq;
  }
}
