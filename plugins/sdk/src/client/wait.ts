/** Resolves after `ms`, true; at once when one of `signals` aborts, false. */
export function wait(ms: number, ...signals: (AbortSignal | undefined)[]): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (whole: boolean): void => {
      clearTimeout(timer);
      for (const signal of signals) signal?.removeEventListener('abort', abort);
      resolve(whole);
    };
    const abort = (): void => end(false);
    const timer = setTimeout(end, ms, true);
    for (const signal of signals) signal?.addEventListener('abort', abort);
    if (signals.some((signal) => signal?.aborted)) abort();
  });
}
