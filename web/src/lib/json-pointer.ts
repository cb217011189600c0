import { pointerToken } from '@bkg/sdk/protocol';

/** A step down, as a piece of a JSON pointer (RFC 6901). */
export function pointerTo(parent: string, key: string | number): string {
  return `${parent}/${pointerToken(String(key))}`;
}

/** Whether a pointer leads to the place `outer` or further in. */
export function isWithin(pointer: string, outer: string): boolean {
  return pointer === outer || pointer.startsWith(`${outer}/`);
}
