/** Plugins outlive their supervisor: nothing must stay when somebody loses patience. */
export function endOnSignal(stage: AsyncDisposable): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(
      signal,
      () => void Promise.resolve(stage[Symbol.asyncDispose]()).finally(() => process.exit(1)),
    );
}
