import { isDeeper } from '@bkg/sdk';

const mostDepth = 64;

/** Whether whoever goes through it, or prints it, could run out of stack. */
export function isTooDeep(value: unknown): boolean {
  return isDeeper(value, mostDepth);
}

/** What somebody says in a log, without the fields by which our own records are known. */
export function withoutOurs(said: object): Record<string, unknown> {
  const {
    by: _by,
    unpublished_lines: _lines,
    unpublished_bytes: _bytes,
    ...fields
  } = said as Record<string, unknown>;
  return fields;
}
