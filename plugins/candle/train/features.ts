import { createRandom } from './random.ts';

/** The longest n-gram, in bytes; every length from 1 to this one is a feature. */
export const orders = 5;
/** Rows of the weight table. A prime, so that the linear hash below spreads over all of them. */
export const buckets = 32749;

const SPACE = 32;

/** What each byte counts as: ASCII letters as lower case, other ASCII as space, parts of longer characters as they are. */
export const foldTable = BigInt64Array.from({ length: 256 }, (_, byte) => {
  if (byte >= 65 && byte <= 90) return BigInt(byte + 32);
  return BigInt((byte >= 97 && byte <= 122) || byte >= 128 ? byte : SPACE);
});

const random = createRandom(20260101);
const factor = (): number => 1 + Math.floor(random() * (buckets - 1));

/** factors[k][j] weighs byte j of an n-gram of length k + 1; 0 beyond its length. */
export const factors = Array.from({ length: orders }, (_, order) =>
  Array.from({ length: orders }, (_, position) => (position <= order ? factor() : 0)),
);
/** Keeps n-grams of different lengths apart. */
export const salts = Array.from({ length: orders }, factor);

/**
 * The rows of the weight table that a text uses. The exported graph computes exactly this from the same constants;
 * here it exists once more because training needs it millions of times.
 */
export function featuresOf(text: string): Int32Array {
  const bytes = new TextEncoder().encode(text);
  const length = bytes.length + 2;
  // A space on either side marks where words begin and end; the zeros behind let every window be full.
  const padded = new Array<number>(length + orders - 1).fill(0);
  padded[0] = padded[length - 1] = SPACE;
  bytes.forEach((byte, i) => (padded[i + 1] = Number(foldTable[byte])));
  const rows = new Int32Array(orders * length);
  for (let order = 0; order < orders; order++) {
    for (let at = 0; at < length; at++) {
      let hash = salts[order]!;
      for (let j = 0; j <= order; j++) hash += padded[at + j]! * factors[order]![j]!;
      rows[order * length + at] = hash % buckets;
    }
  }
  return rows;
}
