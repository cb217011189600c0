import { delay } from '@bkg/sdk/host';
import type { ManagedInstance } from '../managed-instance.ts';

/** Of our time: a flood of output is not worth more. What is too much to be read in it is skipped, and counted. */
const shareMost = 0.25;

/** Reads captured output as it grows, until `signal` aborts. */
export async function tailOutput({
  instances,
  everyMs,
  signal,
}: {
  instances: () => readonly Pick<ManagedInstance, 'pump'>[];
  everyMs: number;
  signal: AbortSignal;
}): Promise<void> {
  while (!signal.aborted) {
    const from = performance.now();
    const more = instances().map((instance) => instance.pump());
    const restMs = (performance.now() - from) * (1 / shareMost - 1);
    const waitMs = more.includes(true) ? Math.min(restMs, everyMs) : everyMs;
    // Its one failure is the signal's, which ends the loop.
    await delay(waitMs, signal).catch(() => undefined);
  }
}
