const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** npm and the shell around us send on the Ctrl-C that the terminal sends as well, so two so close together are one. */
const sameSignalMs = 1_000;

export interface StopSignals extends Disposable {
  /** Aborts at the first signal: stop in order. */
  stop: AbortSignal;
  /** Aborts at the second one: end at once. */
  kill: AbortSignal;
  /** The first signal; undefined before it comes. */
  readonly first: NodeJS.Signals | undefined;
}

/** Turns the signals that ask this process to end into two steps; disposing gives them back to the system. */
export function takeStopSignals(): StopSignals {
  const stop = new AbortController();
  const kill = new AbortController();
  let first: NodeJS.Signals | undefined;
  let stoppedAt = 0;
  const onSignal = (name: NodeJS.Signals): void => {
    const reason = new Error(`stopped by ${name}`);
    if (!stop.signal.aborted) {
      first = name;
      stoppedAt = performance.now();
      stop.abort(reason);
    } else if (performance.now() - stoppedAt >= sameSignalMs) {
      kill.abort(reason);
    }
  };
  for (const name of names) process.on(name, onSignal);
  return {
    stop: stop.signal,
    kill: kill.signal,
    get first() {
      return first;
    },
    [Symbol.dispose]: () => names.forEach((name) => process.off(name, onSignal)),
  };
}
