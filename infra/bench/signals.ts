/** What somebody ends a program with who loses patience. */
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Plugins outlive their supervisor: nothing must stay. */
export function endOnSignal(stage: AsyncDisposable): void {
  for (const signal of signals)
    process.once(
      signal,
      () => void Promise.resolve(stage[Symbol.asyncDispose]()).finally(() => process.exit(1)),
    );
}

/** For a program that ends early and in order by itself. */
export function abortOnSignal(): AbortSignal {
  const end = new AbortController();
  for (const signal of signals) process.on(signal, () => end.abort());
  return end.signal;
}
