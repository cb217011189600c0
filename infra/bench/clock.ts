/** Ms since the epoch, with fractions: it never goes back, and is the same in all processes of a machine. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}
