/** Numbers for a narrow column. */

export function count(n: number): string {
  if (n < 100_000) return String(n);
  return n < 10_000_000 ? `${Math.round(n / 1_000)}k` : `${Math.round(n / 1_000_000)}M`;
}

/** One digit after the point while that says something. */
export function amount(n: number): string {
  return n < 100 ? n.toFixed(1) : String(Math.round(n));
}

export function milliseconds(ms: number): string {
  if (ms < 10) return ms.toFixed(1);
  return ms < 10_000 ? String(Math.round(ms)) : `${Math.round(ms / 1_000)}s`;
}

/** `12 s`, `5 min`, `3 h`, `2 d`. */
export function age(seconds: number): string {
  if (seconds < 60) return `${Math.max(0, Math.floor(seconds))} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`;
  return seconds < 86_400 ? `${Math.floor(seconds / 3_600)} h` : `${Math.floor(seconds / 86_400)} d`;
}
