import { Failure } from './failure.mjs';

const signals = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 };

/** npm sends on the Ctrl-C that the terminal sends as well, so two so close together are one. */
const sameSignalMs = 1_000;

/**
 * Runs a program to its exit code. The first signal aborts it, so that children end, locks and half-finished
 * downloads go; a second one ends at once. A Failure is printed without a stack.
 * @param {(life: Life) => Promise<number>} program  → exit code
 *
 * @typedef {object} Life
 * @property {AbortSignal} signal  aborted by the first signal to this process
 * @property {() => void} letGo  signals are from now on the caller's
 */
export async function live(program) {
  const stop = new AbortController();
  let received = 0;
  let receivedAt = 0;
  const onSignal = (name) => {
    if (received && performance.now() - receivedAt < sameSignalMs) return;
    if (received) process.exit(128 + signals[name]);
    received = signals[name];
    receivedAt = performance.now();
    stop.abort(new Error(`stopped by ${name}`));
  };
  const names = Object.keys(signals);
  for (const name of names) process.on(name, onSignal);
  const letGo = () => names.forEach((name) => process.off(name, onSignal));
  try {
    process.exitCode = await program({ signal: stop.signal, letGo });
  } catch (error) {
    process.exitCode = received ? 128 + received : 1;
    if (!received) console.error(describe(error));
  } finally {
    letGo();
  }
}

/** @param {unknown} error */
export function describe(error) {
  if (error instanceof Failure) return `\n${error}`;
  const told = process.env.BKG_DEBUG && error instanceof Error ? error.stack : (error?.message ?? error);
  return `\nbkg: the set-up failed in a way it does not know: ${told}\n  To do: run again with BKG_DEBUG=1 for the stack, and report it.`;
}
