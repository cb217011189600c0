import { timingSafeEqual } from 'node:crypto';
import { isOver } from './record.ts';
import type { KeyRecord } from './record.ts';

/*
 * Why no slow hash, such as scrypt or Argon2: these make it dear to try passwords that people choose, of which there
 * are few. A secret of a key is 256 random bits; whoever has the bucket cannot try them at any price, and we would pay
 * that price for each request.
 */

/** Stands for a secret that is not there. Nothing that is hashed is all zeros. */
const none = Buffer.alloc(32);

/** Which of a key's secrets it is: the one of now, the one before the last rotation, or none. */
export type Match = 'current' | 'old' | undefined;

/**
 * Compares a hash with those of a key. Both comparisons are always made, also for a key that there is not, so that the
 * time tells neither how much was right nor whether there is such a key.
 */
export function matchSecret(record: Pick<KeyRecord, 'hash' | 'old'> | undefined, hash: string, now: number): Match {
  const given = bytesOf(hash);
  const isCurrent = timingSafeEqual(given, bytesOf(record?.hash));
  const isOld = timingSafeEqual(given, bytesOf(record?.old?.hash));
  if (record && isCurrent) return 'current';
  if (record?.old && isOld && !isOver(record.old.until, now)) return 'old';
  return undefined;
}

/** Of 64 hexadecimal digits; anything else is of no length to be compared. */
function bytesOf(hash: string | undefined): Buffer {
  const bytes = hash === undefined ? none : Buffer.from(hash, 'hex');
  return bytes.length === none.length ? bytes : none;
}
