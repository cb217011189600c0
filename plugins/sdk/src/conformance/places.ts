/**
 * The values at a JSON pointer (RFC 6901), in which `*` stands for every item of a list; none where there is nothing.
 */
export function valuesAt(value: unknown, pointer: string): unknown[] {
  const names = pointer
    .split('/')
    .slice(1)
    .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'));
  return names.reduce<unknown[]>(
    (values, name) =>
      values.flatMap((one) => {
        if (name === '*') return Array.isArray(one) ? (one as unknown[]) : [];
        const members = Object(one) as Record<string, unknown>;
        return Object.hasOwn(members, name) ? [members[name]] : [];
      }),
    [value],
  );
}
