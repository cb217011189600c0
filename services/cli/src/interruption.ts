import { constants } from 'node:os';
import { takeStopSignals } from './stop-signals.ts';

/** What is undone at a signal must be undone by then. */
const undoWithinMs = 2_000;

/**
 * Runs what has something to undo when the process is asked to end. Commands without anything to undo leave the signals
 * to the system, which ends them even while they wait for a reader of their output.
 * @returns the exit code of `work`; 128 and the signal's number when that came first, such as 130 for Ctrl-C
 */
export async function interruptible(work: (signal: AbortSignal) => Promise<number>): Promise<number> {
  using signals = takeStopSignals();
  const { stop, kill } = signals;
  const end = (): void => endBy(signals.first ?? 'SIGTERM');
  stop.addEventListener('abort', () => setTimeout(end, undoWithinMs).unref(), { once: true });
  kill.addEventListener('abort', end, { once: true });
  try {
    const done = await work(stop);
    return signals.first ? codeOf(signals.first) : done;
  } catch (error) {
    if (signals.first) return codeOf(signals.first);
    throw error;
  }
}

function codeOf(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}

/** Not by an exit: that waits for what is being opened, such as a pipe without its other end. */
function endBy(signal: NodeJS.Signals): void {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}
