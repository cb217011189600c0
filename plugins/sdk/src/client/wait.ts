/** Resolves after `ms`, true; at once when `signal` aborts, false. */
export function wait(ms: number, signal?: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (whole: boolean): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      resolve(whole);
    };
    const abort = (): void => end(false);
    const timer = setTimeout(end, ms, true);
    if (signal?.aborted) abort();
    else signal?.addEventListener('abort', abort);
  });
}
