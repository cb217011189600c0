/** Lets something through at once and then at most once in a while for each key: the last time is never lost. */
export class Throttle {
  readonly #everyMsOf: (key: string) => number;
  readonly #act: (key: string) => void;
  readonly #resting = new Map<string, { timer: NodeJS.Timeout; isDue: boolean }>();

  constructor(everyMsOf: (key: string) => number, act: (key: string) => void) {
    this.#everyMsOf = everyMsOf;
    this.#act = act;
  }

  hit(key: string): void {
    const rest = this.#resting.get(key);
    if (rest) rest.isDue = true;
    else this.#pass(key);
  }

  close(): void {
    for (const { timer } of this.#resting.values()) clearTimeout(timer);
    this.#resting.clear();
  }

  #pass(key: string): void {
    const timer = setTimeout(() => {
      const isDue = this.#resting.get(key)?.isDue;
      this.#resting.delete(key);
      if (isDue) this.#pass(key);
    }, this.#everyMsOf(key));
    this.#resting.set(key, { timer: timer.unref(), isDue: false });
    this.#act(key);
  }
}
