/** What was ordered and what of it was acknowledged, in the order in which it was. */
export interface Attempt {
  value: unknown;
  isAcknowledged: boolean;
}

/** One member of the desired state of one plugin, ordered by nobody but us, one after the other. */
export class Promised {
  readonly name: string;
  readonly #attempts: Attempt[];

  /** @param first what it is before anything was ordered */
  constructor(name: string, first: unknown) {
    this.name = name;
    this.#attempts = [{ value: first, isAcknowledged: true }];
  }

  order(value: unknown): Attempt {
    const attempt = { value, isAcknowledged: false };
    this.#attempts.push(attempt);
    return attempt;
  }

  get acknowledged(): number {
    return this.#attempts.filter(({ isAcknowledged }) => isAcknowledged).length - 1;
  }

  /** What may be found in the end: what was acknowledged last, or was ordered after it without an answer. */
  get allowed(): unknown[] {
    const last = this.#attempts.findLastIndex(({ isAcknowledged }) => isAcknowledged);
    return this.#attempts.slice(last).map(({ value }) => value);
  }
}
