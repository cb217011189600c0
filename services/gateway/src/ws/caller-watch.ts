import type { Caller } from '../access/caller.ts';

/** The most that fits into a close frame beside its code. */
const reasonMostLength = 120;

export interface CallerWatch {
  /** It may do something else than before. */
  changed: () => void;
  /** @param reason short enough for a close frame */
  ended: (reason: string) => void;
}

/** Looks after what is open for a caller. Calls `ended` at once for one that has ended already. @returns ends it */
export function watchCaller(caller: Caller, { changed, ended: end }: CallerWatch): () => void {
  const unhear = caller.onChange(changed);
  const onEnd = (): void => end((caller.ended.reason as Error).message.slice(0, reasonMostLength));
  if (caller.ended.aborted) onEnd();
  else caller.ended.addEventListener('abort', onEnd, { once: true });
  return () => {
    unhear();
    caller.ended.removeEventListener('abort', onEnd);
  };
}
