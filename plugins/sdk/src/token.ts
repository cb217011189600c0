import { randomBytes } from 'node:crypto';

/**
 * Random characters to be given out, none of them twice. Asking the system for 16 bytes costs as much as for thousands, and
 * a tenth of an invocation; to make a text of few is dearer than to cut one out of a long one.
 */
class Pool {
  readonly #encoding: 'hex' | 'base64url';
  #text = '';
  #used = 0;

  constructor(encoding: 'hex' | 'base64url') {
    this.#encoding = encoding;
  }

  /** @param length at most that of a whole text */
  take(length: number): string {
    if (this.#used + length > this.#text.length) {
      this.#text = randomBytes(poolBytes).toString(this.#encoding);
      this.#used = 0;
    }
    this.#used += length;
    return this.#text.slice(this.#used - length, this.#used);
  }
}

/** Whole groups of three, so that each character of base64 is six random bits. */
const poolBytes = 3 * 1024;
const hexadecimal = new Pool('hex');
const base64url = new Pool('base64url');

/** Bytes of a cryptographic source, two hexadecimal digits each. @param bytes at most 3,072 */
export function randomHex(bytes: number): string {
  return hexadecimal.take(2 * bytes);
}

/** 128 bits as one subject token of 32 characters: invocation ids, names of connections. */
export function createToken(): string {
  return randomHex(tokenBytes);
}

/** The same in fewer characters, which is for reply subjects: an invocation takes one through the broker twice. */
export function createReplyToken(): string {
  return base64url.take(replyTokenLength);
}

const tokenBytes = 16;
/** Of `createReplyToken`, in characters: 132 bits. */
export const replyTokenLength = 22;

/** How logs show an id that is its caller's secret. */
export function shortToken(token: string): string {
  return token.slice(0, 8);
}
