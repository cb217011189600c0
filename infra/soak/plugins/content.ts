/** What is streamed and uploaded: both ends know it from a number, and nobody has to keep it. */
import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';

export interface Content {
  seed: number;
  /** How many. */
  pieces: number;
  /** Of each. */
  bytes: number;
}

/** The i-th piece, which is no other's. */
export function pieceOf({ seed, bytes }: Content, i: number): Buffer {
  return Buffer.alloc(bytes, `${seed} ${i} `);
}

/** The same as a text. */
export function textOf(content: Content, i: number): string {
  return pieceOf(content, i).toString('latin1');
}

export function hashOf(content: Content): string {
  const hash = newHash();
  for (let i = 0; i < content.pieces; i += 1) hash.update(pieceOf(content, i));
  return hash.digest('hex');
}

export function newHash(): Hash {
  return createHash('sha256');
}
