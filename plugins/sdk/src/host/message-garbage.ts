/** A smaller message makes as much garbage inside V8's heap as outside of it, and so is collected in time. */
const leastBytes = 4 * 1024;
const collectEveryBytes = 8 * 1024 * 1024;

let bytes = 0;
let collect: (() => void) | undefined;

/**
 * Tells that a message of so many bytes was sent or received. They lie outside of V8's heap, and it collects what is no
 * longer needed of them only when that is 64 MB and more. To collect the youngest every few MB keeps a process that streams
 * tens of MB smaller, and costs no throughput: the memory that is used again is still in the processor's cache (measured
 * with `infra/bench/streams`).
 */
export function noteMessage(length: number): void {
  if (length < leastBytes) return;
  bytes += length;
  if (bytes < collectEveryBytes) return;
  bytes = 0;
  collect ??= collectorOfTheYoung();
  collect();
}

/** V8 shows it to contexts that are made after it was told to: no flag on the command line of every plugin is needed. */
function collectorOfTheYoung(): () => void {
  // Not loaded before: few processes ever need them.
  const [v8, vm] = [process.getBuiltinModule('node:v8'), process.getBuiltinModule('node:vm')];
  v8.setFlagsFromString('--expose-gc');
  const gc = vm.runInNewContext('globalThis.gc') as NodeJS.GCFunction | undefined;
  return () => void gc?.({ type: 'minor' });
}
