import { randomInt } from 'node:crypto';

/** Nobody outside knows which texts have the same hash. */
const seed = randomInt(2 ** 32);

/** 32 bits of a short text (FNV-1a), others in each process. */
export function hashOf(text: string): number {
  let hash = seed;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash ^ (hash >>> 15);
}
