import { stopSignals } from '@bkg/sdk/host';

/** Plugins outlive their supervisor: nothing must stay. @param stage while it starts it is waited for */
export function endOnSignal(stage: AsyncDisposable | Promise<AsyncDisposable>): void {
  const started = Promise.resolve(stage);
  // Whoever starts it hears of that.
  started.catch(() => undefined);
  const end = async (): Promise<void> => (await started)[Symbol.asyncDispose]();
  for (const signal of stopSignals) process.once(signal, () => void end().finally(() => process.exit(1)));
}

/** For a program that ends early and in order by itself. */
export function abortOnSignal(): AbortSignal {
  const end = new AbortController();
  for (const signal of stopSignals) process.on(signal, () => end.abort());
  return end.signal;
}
