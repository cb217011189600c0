import { pointerToken } from '@bkg/sdk/protocol';

/** Merge patches (RFC 7396) of JSON values. Members are read by entries, because one may be called `__proto__`. */

type Members = Record<string, unknown>;

export function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, i) => isSame(item, b[i]));
  if (!isObject(a) || !isObject(b)) return false;
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && isSame(a[name], b[name]))
  );
}

/** What makes `before` into `after`; undefined when they are the same. */
export function mergePatchOf(before: unknown, after: unknown): unknown {
  if (isSame(before, after)) return undefined;
  if (!isObject(before) || !isObject(after)) return after;
  const gone = Object.keys(before)
    .filter((name) => !Object.hasOwn(after, name))
    .map((name) => [name, null] as const);
  const changed = Object.entries(after)
    .map(([name, value]) => [name, mergePatchOf(own(before, name), value)] as const)
    .filter(([, value]) => value !== undefined);
  return Object.fromEntries([...gone, ...changed]);
}

export function applyMergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const members = new Map(isObject(target) ? Object.entries(target) : []);
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) members.delete(name);
    else members.set(name, applyMergePatch(members.get(name), value));
  }
  return Object.fromEntries(members);
}

/**
 * The pointer of a `null` that `after` has and no merge patch can bring about, because there it means to take a member
 * away; undefined when there is none.
 */
export function unpatchableNull(before: unknown, after: unknown, pointer = ''): string | undefined {
  if (after === null) return pointer;
  if (!isObject(after)) return undefined;
  for (const [name, value] of Object.entries(after)) {
    const was = own(before, name);
    if (was !== undefined && isSame(was, value)) continue;
    const found = unpatchableNull(was, value, `${pointer}/${pointerToken(name)}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

function own(value: unknown, name: string): unknown {
  return isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}
