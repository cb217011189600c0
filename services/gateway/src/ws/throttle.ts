interface Rest {
  /** By `performance.now()`. */
  passedAt: number;
  endsAt: number;
  timer: NodeJS.Timeout;
  isDue: boolean;
}

/** Lets something through at once and then at most once in a while for each key: the last time is never lost. */
export class Throttle {
  readonly #everyMsOf: (key: string) => number;
  readonly #act: (key: string) => void;
  readonly #resting = new Map<string, Rest>();

  /** @param everyMsOf the while, as it is at the moment: when it gets shorter the next `hit` finds it so */
  constructor(everyMsOf: (key: string) => number, act: (key: string) => void) {
    this.#everyMsOf = everyMsOf;
    this.#act = act;
  }

  hit(key: string): void {
    const rest = this.#resting.get(key);
    if (!rest) return this.#pass(key);
    rest.isDue = true;
    const endsAt = rest.passedAt + this.#everyMsOf(key);
    if (endsAt >= rest.endsAt) return;
    clearTimeout(rest.timer);
    this.#rest(key, { ...rest, endsAt });
  }

  close(): void {
    for (const { timer } of this.#resting.values()) clearTimeout(timer);
    this.#resting.clear();
  }

  #pass(key: string): void {
    const passedAt = performance.now();
    this.#rest(key, { passedAt, endsAt: passedAt + this.#everyMsOf(key), isDue: false });
    this.#act(key);
  }

  #rest(key: string, rest: Omit<Rest, 'timer'>): void {
    const end = (): void => {
      const isDue = this.#resting.get(key)?.isDue;
      this.#resting.delete(key);
      if (isDue) this.#pass(key);
    };
    const timer = setTimeout(end, Math.max(0, rest.endsAt - performance.now())).unref();
    this.#resting.set(key, { ...rest, timer });
  }
}
