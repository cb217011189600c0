import { isRecord } from './protocol/is-record.ts';
import { dataKeywords, schemaMaps } from './schema-keywords.ts';

/**
 * The references of a JSON Schema that lead out of it: nobody fetches what somebody else may change, and without it the
 * schema cannot be checked. Without recursion: it may be nested as deep as its author likes.
 */
export function foreignRefs(schema: unknown): string[] {
  const refs = new Set<string>();
  const ids = new Set<string>();
  const queue: unknown[] = [schema];
  while (queue.length > 0) {
    // A schema that was not read from JSON may have members that are undefined.
    const next = queue.pop();
    if (typeof next !== 'object' || next === null) continue;
    for (const [keyword, value] of Object.entries(next) as [string, unknown][]) {
      if (schemaMaps.has(keyword) && isRecord(value)) for (const one of Object.values(value)) queue.push(one);
      else if (keyword === '$id' && typeof value === 'string') ids.add(withoutFragment(value));
      else if ((keyword === '$ref' || keyword === '$dynamicRef') && typeof value === 'string')
        refs.add(value);
      else if (!dataKeywords.has(keyword)) queue.push(value);
    }
  }
  return [...refs].filter((ref) => !ref.startsWith('#') && !ids.has(withoutFragment(ref))).sort();
}

function withoutFragment(uri: string): string {
  return uri.split('#', 1)[0] ?? '';
}
