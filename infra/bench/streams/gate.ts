interface Round {
  waiting: number;
  open: PromiseWithResolvers<void>;
}

const allHereMostMs = 60_000;

/** Lets nobody through before so many have come. */
export class Gate {
  #round: Round | undefined;

  /** @throws the reason of `signal`; Error when not all have come within a minute */
  async pass(together: number, signal: AbortSignal): Promise<void> {
    const round = (this.#round ??= { waiting: 0, open: Promise.withResolvers() });
    round.waiting += 1;
    if (round.waiting >= together) {
      this.#round = undefined;
      round.open.resolve();
    }
    const ended = Promise.withResolvers<never>();
    const end = (): void => ended.reject(signal.reason);
    // One that has failed before it came here never comes.
    const late = setTimeout(() => ended.reject(tooFew(round.waiting, together)), allHereMostMs);
    signal.addEventListener('abort', end, { once: true });
    try {
      await Promise.race([round.open.promise, ended.promise]);
    } finally {
      clearTimeout(late);
      signal.removeEventListener('abort', end);
    }
  }
}

function tooFew(waiting: number, together: number): Error {
  return new Error(`${waiting} of ${together} streams have come within ${allHereMostMs / 1_000} s`);
}
