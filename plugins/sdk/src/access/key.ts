import { hash, randomBytes } from 'node:crypto';
import { keyPattern } from '../protocol/access.ts';
import { encodeBase32 } from './base32.ts';

export interface KeyParts {
  prefix: string;
  secret: string;
}

const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';

/** A new key, `bkg_<prefix>_<secret>`: the secret is 256 bits from the system's generator. */
export function createKey(): KeyParts & { text: string } {
  const prefix = `K${randomText(9)}`;
  const secret = createSecret();
  return { prefix, secret, text: `bkg_${prefix}_${secret}` };
}

/** Takes a key apart; undefined for anything that is none. */
export function parseKey(text: string): KeyParts | undefined {
  const [, prefix, secret] = keyPattern.exec(text) ?? [];
  return prefix !== undefined && secret !== undefined ? { prefix, secret } : undefined;
}

/**
 * SHA-256 of a secret as hexadecimal digits. No slow hash: those make guessing a password dear, and 256 random bits
 * cannot be guessed at any price.
 */
export function hashSecret(secret: string): string {
  // In one call, which takes a third of the time: it is done for each request.
  return hash('sha256', secret, 'hex');
}

/** A secret for a session or a ticket: 256 bits as 52 characters. */
export function createSecret(): string {
  return encodeBase32(randomBytes(32)).toLowerCase();
}

function randomText(length: number): string {
  // 32 divides 256: no letter is likelier than another.
  return [...randomBytes(length)].map((byte) => alphabet[byte % 32]).join('');
}
