import { statfs } from 'node:fs/promises';
import type { Logger } from '@bkg/sdk';
import { delay } from '@bkg/sdk/host';

export interface DiskWatchOptions {
  folder: string;
  log: Logger;
  /** Less than this is nearly full. @default 256 MiB */
  leastBytes?: number;
  everyMs: number;
  signal: AbortSignal;
}

const mebibyte = 1024 * 1024;

/**
 * Says once that the disk is nearly full, and once that it is not any more. Nothing else is done about it: what cannot be
 * written is refused where it is written, before anybody is told that it is kept.
 */
export async function watchDisk(options: DiskWatchOptions): Promise<void> {
  const { folder, log, leastBytes = 256 * mebibyte, everyMs, signal } = options;
  let isFull = false;
  while (!signal.aborted) {
    const freeBytes = await freeBytesOf(folder);
    const isFullNow: boolean = freeBytes !== undefined && freeBytes < (isFull ? 2 * leastBytes : leastBytes);
    if (freeBytes !== undefined && isFullNow !== isFull) {
      const left = `${Math.floor(freeBytes / mebibyte)} MB are free on the disk of ${folder}`;
      if (isFullNow) {
        log.warn(
          { folder, free_bytes: freeBytes },
          `${left}: orders are refused and logs are incomplete when nothing is left. Make room.`,
        );
      } else log.info({ folder, free_bytes: freeBytes }, `${left} again`);
    }
    isFull = isFullNow;
    // Its one failure is the signal's, which ends the loop.
    await delay(everyMs, signal).catch(() => undefined);
  }
}

/** Undefined where the system does not tell. */
async function freeBytesOf(folder: string): Promise<number | undefined> {
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  } catch {
    // Removed under us, or a kind of file system that has no such number: there is nothing to compare.
    return undefined;
  }
}
