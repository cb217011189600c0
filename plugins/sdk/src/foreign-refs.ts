/**
 * The references of a JSON Schema that lead out of it: nobody fetches what somebody else may change, and without it the
 * schema cannot be checked. Walks no deeper than a schema that a message could carry.
 */
export function foreignRefs(schema: unknown): string[] {
  const refs = new Set<string>();
  const ids = new Set<string>();
  const queue: unknown[] = [schema];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    if (typeof next !== 'object' || next === null) continue;
    for (const [keyword, value] of Object.entries(next)) {
      if (keyword === '$id' && typeof value === 'string') ids.add(withoutFragment(value));
      else if ((keyword === '$ref' || keyword === '$dynamicRef') && typeof value === 'string')
        refs.add(value);
      // What these hold are values and not schemas: a member called $ref there is data.
      else if (!['const', 'default', 'enum', 'examples'].includes(keyword)) queue.push(value);
    }
  }
  return [...refs].filter((ref) => !ref.startsWith('#') && !ids.has(withoutFragment(ref))).sort();
}

function withoutFragment(uri: string): string {
  return uri.split('#', 1)[0] ?? '';
}
