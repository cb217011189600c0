/**
 * Milliseconds since the epoch that never jump: a correction of the system's clock must not end an instance's time.
 * Comparable, but for such corrections, with what another process took for now.
 */
export function now(): number {
  return performance.timeOrigin + performance.now();
}
