/** What was ordered and what of it was acknowledged, in the order in which it was. */
export interface Attempt {
  value: unknown;
  isAcknowledged: boolean;
  /** The answer has said that nothing was done. */
  isRefused: boolean;
}

/** One member of the desired state of one plugin, ordered by nobody but us, one after the other. */
export class Promised {
  readonly name: string;
  readonly #attempts: Attempt[];

  /** @param first what it is before anything was ordered */
  constructor(name: string, first: unknown) {
    this.name = name;
    this.#attempts = [{ value: first, isAcknowledged: true, isRefused: false }];
  }

  order(value: unknown): Attempt {
    const attempt = { value, isAcknowledged: false, isRefused: false };
    this.#attempts.push(attempt);
    return attempt;
  }

  get acknowledged(): number {
    return this.#attempts.filter(({ isAcknowledged }) => isAcknowledged).length - 1;
  }

  /** What may be found in the end: what was acknowledged last, or was ordered after it and not refused. */
  get allowed(): unknown[] {
    const last = this.#attempts.findLastIndex(({ isAcknowledged }) => isAcknowledged);
    return this.#attempts
      .slice(last)
      .filter(({ isRefused }) => !isRefused)
      .map(({ value }) => value);
  }
}
