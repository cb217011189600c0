import { lineageMost } from './lineage.ts';
import type { Lineage } from './lineage.ts';
import { between } from '../chaos/random.ts';
import type { Random } from '../chaos/random.ts';
import { weighted } from './grammar/bytes.ts';

/** The inputs that ended as none before them, and what there was of each end. */
export class Corpus {
  readonly #kept: { lineage: Lineage; outcome: string }[] = [];
  readonly #counts = new Map<string, { count: number; lineage: Lineage }>();

  /** What an input was answered. It is kept when something of that is new. */
  learn(outcomes: readonly string[], lineage: Lineage): void {
    for (const outcome of new Set(outcomes)) {
      const known = this.#counts.get(outcome);
      if (known) known.count += 1;
      else {
        this.#counts.set(outcome, { count: 1, lineage });
        this.#kept.push({ lineage, outcome });
      }
    }
  }

  /** One that something more may be found beside: rare ends and the latest ones are chosen more often. */
  choose(random: Random): Lineage | undefined {
    const some = Array.from({ length: Math.min(4, this.#kept.length) }, () => {
      const one = this.#kept[between(random, 0, this.#kept.length - 1)];
      return one && ([1 / (this.#counts.get(one.outcome)?.count ?? 1), one.lineage] as const);
    });
    const young = some.filter((one) => one !== undefined).filter(([, { length }]) => length < lineageMost);
    return young.length === 0 ? undefined : weighted(random, young);
  }

  /** The most frequent first. */
  get outcomes(): { outcome: string; count: number; lineage: Lineage }[] {
    return [...this.#counts]
      .map(([outcome, { count, lineage }]) => ({ outcome, count, lineage }))
      .sort((a, b) => b.count - a.count);
  }
}
