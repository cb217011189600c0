import type { Backoff } from './backoff.ts';
import type { Alarm } from './wait.ts';

export interface PollOptions {
  /** One round; what it throws counts as a failure. */
  round: (signal: AbortSignal) => Promise<void>;
  everyMs: number;
  backoff: Backoff;
  alarm: Alarm;
  onFailure: (error: unknown, retryInMs: number) => void;
  /** Resolves as soon as somebody can see the page. */
  visible: (signal: AbortSignal) => Promise<void>;
  signal: AbortSignal;
}

/** Asks again and again until `signal` aborts: every `everyMs` while it goes well, with backoff while it does not. */
export async function runPoll(options: PollOptions): Promise<void> {
  const { round, everyMs, backoff, alarm, onFailure, visible, signal } = options;
  while (!signal.aborted) {
    await visible(signal);
    if (signal.aborted) return;
    let waitMs = everyMs;
    try {
      await round(signal);
      backoff.reset();
    } catch (error) {
      if (signal.aborted) return;
      waitMs = backoff.nextMs();
      onFailure(error, waitMs);
    }
    await alarm.wait(waitMs, signal);
  }
}
