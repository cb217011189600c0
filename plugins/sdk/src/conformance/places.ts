import { pointerNames } from '../protocol/json-pointer.ts';

/**
 * The values at a JSON pointer (RFC 6901), in which `*` stands for every item of a list; none where there is nothing.
 */
export function valuesAt(value: unknown, pointer: string): unknown[] {
  return pointerNames(pointer).reduce<unknown[]>(
    (values, name) =>
      values.flatMap((one) => {
        if (name === '*') return Array.isArray(one) ? (one as unknown[]) : [];
        const members = Object(one) as Record<string, unknown>;
        return Object.hasOwn(members, name) ? [members[name]] : [];
      }),
    [value],
  );
}
