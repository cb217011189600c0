/** What fits into one message of the broker, with room for headers; it takes 1 MiB unless it is told otherwise. */
const pageMostBytes = 512 * 1024;

export interface Page<T> {
  items: T[];
  /** The name after which the next page begins, when there is one. */
  next?: string;
}

/**
 * As many as fit into one answer, in the order of their names: so nothing is left out or comes twice when others come and
 * go between two pages.
 * @param after the name after which it begins; all when it is absent
 */
export function pageOf<T>(names: Iterable<string>, shown: (name: string) => T, after = ''): Page<T> {
  const left = [...names].filter((name) => name > after).sort();
  const items: T[] = [];
  let bytes = 0;
  for (const [place, name] of left.entries()) {
    const item = shown(name);
    bytes += Buffer.byteLength(JSON.stringify(item));
    if (bytes > pageMostBytes && items.length > 0) return { items, next: left[place - 1] ?? '' };
    items.push(item);
  }
  return { items };
}
