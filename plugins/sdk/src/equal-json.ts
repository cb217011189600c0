/**
 * A text that is the same for two JSON values when they are equal, and for no others: whatever the order of their members,
 * however their numbers are written, and whatever their members are called.
 */
export function equalityText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(equalityText).join()}]`;
  // By itself, since JSON has no infinite number, and what is read from 1e400 is one. No zero is negative.
  if (typeof value === 'number') return String(value);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'undefined';
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .map(([name, member]) => `${JSON.stringify(name)}:${equalityText(member)}`);
  return `{${members.sort().join()}}`;
}

/** Whether no two of the items are equal. Looks at each once: to compare each with each would take minutes for a megabyte. */
export function areUnique(items: readonly unknown[]): boolean {
  const seen = new Set<unknown>();
  const texts = new Set<string>();
  for (const item of items) {
    const isScalar = typeof item !== 'object' || item === null;
    if (isScalar) seen.add(item);
    else texts.add(equalityText(item));
  }
  return seen.size + texts.size === items.length;
}
