import { stopSignals } from '@bkg/sdk/host';

/** Plugins outlive their supervisor: nothing must stay. */
export function endOnSignal(stage: AsyncDisposable): void {
  for (const signal of stopSignals)
    process.once(
      signal,
      () => void Promise.resolve(stage[Symbol.asyncDispose]()).finally(() => process.exit(1)),
    );
}

/** For a program that ends early and in order by itself. */
export function abortOnSignal(): AbortSignal {
  const end = new AbortController();
  for (const signal of stopSignals) process.on(signal, () => end.abort());
  return end.signal;
}
