/** More than can be compared while everything else waits. */
export class TooLarge extends Error {
  override name = 'TooLarge';
}

/** Schemas within schemas, references followed; also the levels of a JSON value. */
export const levelsMost = 128;
/** A text that is this long counts as one more node. */
const charactersPerNode = 256;

/** How much may still be looked at. */
export class Budget {
  #left: number;
  readonly #outer: Budget | undefined;

  /** What is spent is taken from `outer`, too. */
  constructor(nodes: number, outer?: Budget) {
    this.#left = nodes;
    this.#outer = outer;
  }

  /** @throws TooLarge */
  spend(nodes = 1): void {
    this.#outer?.spend(nodes);
    this.#left -= nodes;
    if (this.#left < 0) throw new TooLarge('it has too many parts');
  }

  /** Equal values have the same text, in whatever order their members are. @throws TooLarge */
  canonicalJson(value: unknown, level = 0): string {
    if (level > levelsMost) throw new TooLarge('it has too many levels');
    if (typeof value !== 'object' || value === null) {
      this.spend(typeof value === 'string' ? 1 + Math.floor(value.length / charactersPerNode) : 1);
      return JSON.stringify(value) ?? 'null';
    }
    this.spend();
    if (Array.isArray(value)) return `[${value.map((one) => this.canonicalJson(one, level + 1)).join()}]`;
    const members = Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, one]) => `${JSON.stringify(name)}:${this.canonicalJson(one, level + 1)}`);
    return `{${members.join()}}`;
  }
}
