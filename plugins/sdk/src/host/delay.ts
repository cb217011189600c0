import { setTimeout as wait } from 'node:timers/promises';

/** Resolves after `ms`. @throws the reason of `signal` when that aborts first */
export async function delay(ms: number, signal?: AbortSignal): Promise<void> {
  try {
    await wait(ms, undefined, { signal });
  } catch (error) {
    throw signal?.aborted ? signal.reason : error;
  }
}
