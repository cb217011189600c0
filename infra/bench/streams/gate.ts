interface Round {
  waiting: number;
  open: PromiseWithResolvers<void>;
}

/** Lets nobody through before so many have come. */
export class Gate {
  #round: Round | undefined;

  /** @throws the reason of `signal` */
  async pass(together: number, signal: AbortSignal): Promise<void> {
    const round = (this.#round ??= { waiting: 0, open: Promise.withResolvers() });
    round.waiting += 1;
    if (round.waiting >= together) {
      this.#round = undefined;
      round.open.resolve();
    }
    const ended = Promise.withResolvers<never>();
    const end = (): void => ended.reject(signal.reason);
    signal.addEventListener('abort', end, { once: true });
    await Promise.race([round.open.promise, ended.promise]);
    signal.removeEventListener('abort', end);
  }
}
