import { setTimeout as delay } from 'node:timers/promises';

/** How fast somebody reads: so many bytes a second for a while, and then as fast as they come. */
export interface Pace {
  bytesPerSecond: number;
  /** 0: fast from the beginning. */
  slowMs: number;
}

export interface Paced {
  bytes: number;
  /** Of these, and the time for them, in the part without a limit. */
  fastBytes: number;
  fastMs: number;
}

/** Reads all of it. @param take looks at each piece and says how many bytes it counts */
export async function readPaced<T>(
  pieces: AsyncIterable<T>,
  { bytesPerSecond, slowMs }: Pace,
  take: (piece: T) => number,
): Promise<Paced> {
  const startedAt = performance.now();
  const slowUntil = startedAt + slowMs;
  let [bytes, slowBytes, fastAt] = [0, 0, startedAt];
  for await (const piece of pieces) {
    bytes += take(piece);
    const now = performance.now();
    if (now < slowUntil) {
      slowBytes = bytes;
      const dueAt = startedAt + (bytes * 1_000) / bytesPerSecond;
      if (dueAt > now) await delay(Math.min(dueAt, slowUntil) - now);
      fastAt = performance.now();
    }
  }
  return { bytes, fastBytes: bytes - slowBytes, fastMs: performance.now() - fastAt };
}
