import { isRecord } from '@bkg/sdk/protocol';
import { pointerTo } from '../json-pointer.ts';
import { memberOf, sameJson } from '../json-value.ts';

/** Merge patches (RFC 7396) of JSON values. Members are read by entries, because one may be called `__proto__`. */

/** What makes `before` into `after`; undefined when they are the same. */
export function mergePatchOf(before: unknown, after: unknown): unknown {
  if (sameJson(before, after)) return undefined;
  if (!isRecord(before) || !isRecord(after)) return after;
  const gone = Object.keys(before)
    .filter((name) => !Object.hasOwn(after, name))
    .map((name) => [name, null] as const);
  const changed = Object.entries(after)
    .map(([name, value]) => [name, mergePatchOf(memberOf(before, name), value)] as const)
    .filter(([, value]) => value !== undefined);
  return Object.fromEntries([...gone, ...changed]);
}

export function applyMergePatch(target: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch;
  const members = new Map(isRecord(target) ? Object.entries(target) : []);
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
  if (!isRecord(after)) return undefined;
  for (const [name, value] of Object.entries(after)) {
    const was = memberOf(before, name);
    if (was !== undefined && sameJson(was, value)) continue;
    const found = unpatchableNull(was, value, pointerTo(pointer, name));
    if (found !== undefined) return found;
  }
  return undefined;
}
