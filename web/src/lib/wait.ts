/** Resolves after `ms`, or at once when `signal` aborts: a loop looks at its signal after every wait. */
export function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}

/** Waits that somebody can end early, for "retry now". */
export function createAlarm() {
  const sleepers = new Set<AbortController>();
  return {
    async wait(ms: number, signal: AbortSignal): Promise<void> {
      const sleeper = new AbortController();
      sleepers.add(sleeper);
      await wait(ms, AbortSignal.any([sleeper.signal, signal]));
      sleepers.delete(sleeper);
    },
    ring(): void {
      for (const sleeper of sleepers) sleeper.abort();
    },
  };
}

export type Alarm = ReturnType<typeof createAlarm>;
