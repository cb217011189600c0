/** A page that cannot be seen draws no frames; what arrives there is handed on all the same, a little later. */
const hiddenMs = 1_000;

/** Calls `act` with the last value of each key, at most once a frame, however many come. */
export function onceAFrame<T>(act: (latest: ReadonlyMap<string, T>) => void) {
  let waiting = new Map<string, T>();
  let cancel: (() => void) | undefined;
  const flush = () => {
    cancel?.();
    cancel = undefined;
    const latest = waiting;
    waiting = new Map();
    act(latest);
  };
  return {
    put(key: string, value: T): void {
      waiting.set(key, value);
      if (cancel) return;
      const frame = requestAnimationFrame(flush);
      const timer = setTimeout(flush, hiddenMs);
      cancel = () => {
        cancelAnimationFrame(frame);
        clearTimeout(timer);
      };
    },
    drop(key: string): void {
      waiting.delete(key);
    },
    end(): void {
      cancel?.();
      cancel = undefined;
      waiting.clear();
    },
  };
}
