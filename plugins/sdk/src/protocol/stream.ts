/** Streams: bodies in numbered chunks, of which no more are under way than their receiver has given credit for. */

/** Most chunks that may be under way. */
export const windowMost = 1_024;
/** Of a receiver that has no reason to take another one. */
export const windowDefault = 32;
/** Larger pieces of a body are cut. */
export const chunkMostBytes = 256 * 1024;
/** So long a sender waits for a sign of its receiver when it may send no more. */
export const creditPatienceMs = 30_000;
/** So often a receiver gives one that gives no credit: a slow reader is no dead one. */
export const creditSignMs = 10_000;
/** A payload that is JSON, and checked, is collected: no more of it. */
export const jsonUploadMostBytes = 8 * 1024 * 1024;
/** Of a payload that comes as chunks, MiB, where the configuration says nothing. */
export const uploadMostMbDefault = 256;

/** Where a chunk stands in its stream. */
export interface ChunkPlace {
  seq: number;
  /** How many chunks there were: it is the last. */
  end: number | undefined;
}

/** What `Bkg-Seq` and `Bkg-End` say; undefined for what is no chunk, or an impossible one. */
export function readChunkPlace(seq: string | undefined, end: string | undefined): ChunkPlace | undefined {
  if (seq === undefined || !isCount(seq)) return undefined;
  if (end === undefined || end === '') return { seq: Number(seq), end: undefined };
  if (!isCount(end) || Number(end) !== Number(seq) + 1) return undefined;
  return { seq: Number(seq), end: Number(end) };
}

/** The window that `Bkg-Stream` asks for; undefined when it is none. */
export function readWindow(text: string): number | undefined {
  const window = isCount(text) ? Number(text) : 0;
  return window >= 1 && window <= windowMost ? window : undefined;
}

/** The bytes that `Bkg-Upload` announces; `unknown` for `-`, undefined for anything else. */
export function readUploadSize(text: string): number | 'unknown' | undefined {
  if (text === '-') return 'unknown';
  return isCount(text) ? Number(text) : undefined;
}

function isCount(text: string): boolean {
  return /^\d{1,15}$/.test(text);
}
