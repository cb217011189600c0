import type { Logger } from '@bkg/sdk';
import { delay } from '@bkg/sdk/host';
import type { ManagedInstance } from '../managed-instance.ts';

/** Of our time: a flood of output is not worth more. What is too much to be read in it is skipped, and counted. */
const shareMost = 0.1;
/** Between two looks at a flood. */
const restLeastMs = 25;

type Talker = Pick<ManagedInstance, 'id' | 'pump'>;

/** Reads captured output as it grows, until `signal` aborts. */
export async function tailOutput({
  instances,
  everyMs,
  log,
  signal,
}: {
  instances: () => readonly Talker[];
  everyMs: number;
  log: Logger;
  signal: AbortSignal;
}): Promise<void> {
  const failing = new WeakSet<Talker>();
  const pump = (instance: Talker): boolean => {
    try {
      const more = instance.pump();
      failing.delete(instance);
      return more;
    } catch (error) {
      // The output of the others goes on. Said once, until it works again.
      if (!failing.has(instance)) log.error({ error, instance: instance.id }, 'its output cannot be read');
      failing.add(instance);
      return false;
    }
  };
  while (!signal.aborted) {
    const from = performance.now();
    const more = instances().map(pump);
    const restMs = (performance.now() - from) * (1 / shareMost - 1);
    const waitMs = more.includes(true) ? Math.min(Math.max(restMs, restLeastMs), everyMs) : everyMs;
    // Its one failure is the signal's, which ends the loop.
    await delay(waitMs, signal).catch(() => undefined);
  }
}
