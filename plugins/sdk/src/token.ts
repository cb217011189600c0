import { randomFillSync } from 'node:crypto';

/** Asking the system for 16 bytes costs as much as for 8 KiB, and a tenth of an invocation: no byte is given twice. */
const pool = Buffer.allocUnsafe(8 * 1024);
let used = pool.length;

/** Bytes of a cryptographic source, two hexadecimal digits each. @param bytes at most 8 KiB */
export function randomHex(bytes: number): string {
  return random(bytes, 'hex');
}

/** 128 bits as one subject token of 32 characters: invocation ids, names of connections. */
export function createToken(): string {
  return randomHex(tokenBytes);
}

/** The same in fewer characters, which is for reply subjects: an invocation takes one through the broker twice. */
export function createReplyToken(): string {
  return random(tokenBytes, 'base64url');
}

const tokenBytes = 16;
/** Of `createReplyToken`, in characters. */
export const replyTokenLength = 22;

/** How logs show an id that is its caller's secret. */
export function shortToken(token: string): string {
  return token.slice(0, 8);
}

function random(bytes: number, encoding: 'hex' | 'base64url'): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += bytes;
  return pool.toString(encoding, used - bytes, used);
}
