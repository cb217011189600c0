/**
 * Strict, because a replacement character in the place of a wrong byte would pass as what was sent. A byte order mark is
 * kept, and so is no JSON: whoever hands the bytes on would send one where RFC 8259 allows none.
 */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The value of JSON in UTF-8, and its text. @throws Error that says why, for people, without a full stop */
export function readJson(bytes: Uint8Array): { value: unknown; text: string } {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch (cause) {
    throw new Error('it is not UTF-8', { cause });
  }
  // JSON.parse would quote the mark, which nobody sees.
  if (text.startsWith('\uFEFF')) throw new Error('it begins with a byte order mark');
  return { value: JSON.parse(text), text };
}

/** @throws what `readJson` throws */
export function parseJson(bytes: Uint8Array): unknown {
  return readJson(bytes).value;
}

/** Undefined for what is no JSON in UTF-8, for who takes that for nothing. */
export function jsonOrUndefined(bytes: Uint8Array): unknown {
  try {
    return parseJson(bytes);
  } catch {
    return undefined;
  }
}
