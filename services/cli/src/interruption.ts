import { constants } from 'node:os';

const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** npm and the shell around this program repeat a terminal's Ctrl-C, so what comes so close together is one. */
const sameSignalMs = 1_000;
/** What is undone at a signal must be undone by then. */
const undoWithinMs = 2_000;

/**
 * Runs what has something to undo when the process is asked to end. Commands without anything to undo leave the signals
 * to the system, which ends them even while they wait for a reader of their output.
 * @returns the exit code of `work`; 128 and the signal's number when that came first, such as 130 for Ctrl-C
 */
export async function interruptible(work: (signal: AbortSignal) => Promise<number>): Promise<number> {
  const controller = new AbortController();
  let code = 0;
  let since = 0;
  const onSignal = (name: NodeJS.Signals): void => {
    const now = performance.now();
    if (controller.signal.aborted) {
      if (now - since >= sameSignalMs) endBy(name);
      return;
    }
    since = now;
    code = 128 + constants.signals[name];
    controller.abort(new Error(`ended by ${name}`));
    setTimeout(() => endBy(name), undoWithinMs).unref();
  };
  for (const name of names) process.on(name, onSignal);
  try {
    const done = await work(controller.signal);
    return controller.signal.aborted ? code : done;
  } catch (error) {
    if (controller.signal.aborted) return code;
    throw error;
  } finally {
    for (const name of names) process.off(name, onSignal);
  }
}

/** Not by an exit: that waits for what is being opened, such as a pipe without its other end. */
function endBy(signal: NodeJS.Signals): void {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}
