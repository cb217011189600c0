import { randomBytes } from 'node:crypto';

/** 128 bits of a cryptographic source as one subject token: invocation ids, reply subjects. */
export function createToken(): string {
  return randomBytes(16).toString('hex');
}

/** How logs show an id that is its caller's secret. */
export function shortToken(token: string): string {
  return token.slice(0, 8);
}
