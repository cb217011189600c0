/** Values as they come from JSON. */
import { isRecord } from '@bkg/sdk/protocol';

/** A member of its own: one may be called `__proto__`. Undefined when it has none of this name. */
export function memberOf(value: unknown, name: string): unknown {
  return isRecord(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

/** Whether two are equal; members count in any order. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [first, second] = [Object.entries(a), b as Record<string, unknown>];
  return (
    first.length === Object.keys(second).length &&
    first.every(([name, value]) => Object.hasOwn(second, name) && sameJson(value, second[name]))
  );
}
