/** Those that ask a process to end. */
export const stopSignals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/** Aborts at the first signal that asks the process to end; from then on such signals are ignored. */
export function stopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of stopSignals) process.on(name, () => controller.abort(new Error(`stopped by ${name}`)));
  return controller.signal;
}
