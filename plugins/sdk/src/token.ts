import { randomFillSync } from 'node:crypto';

/** Asking the system for 16 bytes costs as much as for 8 KiB, and a tenth of an invocation: no byte is given twice. */
const pool = Buffer.allocUnsafe(8 * 1024);
let used = pool.length;

/** Bytes of a cryptographic source, two hexadecimal digits each. @param bytes at most 8 KiB */
export function randomHex(bytes: number): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += bytes;
  return pool.toString('hex', used - bytes, used);
}

/** 128 bits as one subject token: invocation ids, reply subjects. */
export function createToken(): string {
  return randomHex(tokenLength / 2);
}

/** Of `createToken`, in characters. */
export const tokenLength = 32;

/** How logs show an id that is its caller's secret. */
export function shortToken(token: string): string {
  return token.slice(0, 8);
}
