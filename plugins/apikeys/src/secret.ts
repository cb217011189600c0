import { timingSafeEqual } from 'node:crypto';
import { createSecret, hashSecret } from '@bkg/sdk/access';
import { isOver } from './record.ts';
import type { KeyRecord } from './record.ts';

/*
 * Why no slow hash, such as scrypt or Argon2: these make it dear to try passwords that people choose, of which there
 * are few. A secret of a key is 256 random bits; whoever has the bucket cannot try them at any price, and we would pay
 * that price for each request.
 */

/** Stand for a key that there is not, and for a secret that a key has not; nobody has ever shown these. */
const noKey: Pick<KeyRecord, 'hash' | 'old'> = { hash: hashSecret(createSecret()) };
const noOld = { hash: hashSecret(createSecret()) };
const noBytes = Buffer.alloc(64);

/** Which of a key's secrets it is: the one of now, the one before the last rotation, or none. */
export type Match = 'current' | 'old' | undefined;

/** By which of both it was, the second bit for the one of now. */
const matches: readonly Match[] = [undefined, 'old', 'current', 'current'];

/**
 * Compares a hash with those of a key. Both comparisons are always made, also for a key that there is not, so that the
 * time tells neither how much was right nor whether there is such a key.
 */
export function matchSecret(
  record: Pick<KeyRecord, 'hash' | 'old'> | undefined,
  hash: string,
  now: number,
): Match {
  const given = bytesOf(hash);
  // Chosen, and not branched to: the processor would guess, and take longer when it is wrong.
  const target = [record, noKey][Number(record === undefined)] ?? noKey;
  const isCurrent = timingSafeEqual(given, bytesOf(target.hash));
  const isOld = timingSafeEqual(given, bytesOf((target.old ?? noOld).hash));
  const isOldOver = target.old !== undefined && isOver(target.old.until, now);
  return matches[(Number(isCurrent) << 1) | (Number(isOld) & Number(!isOldOver))];
}

/** Of 64 hexadecimal digits; anything else could not be compared. As they are: to decode them takes as long as they want. */
function bytesOf(hash: string): Buffer {
  const bytes = Buffer.from(hash, 'latin1');
  return bytes.length === noBytes.length ? bytes : noBytes;
}
