/** "120 ok, 3 PLUGIN_CRASHED", the most first. */
export function countOutcomes(of: readonly { outcome?: string | undefined }[]): string {
  const counts = new Map<string, number>();
  for (const { outcome = 'none' } of of) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  return [...counts]
    .sort(([, a], [, b]) => b - a)
    .map(([outcome, count]) => `${count} ${outcome}`)
    .join(', ');
}
