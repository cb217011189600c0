/** Each block begins with its number: what is missing, doubled or in another order is seen without a hash of it all. */
const blockBytes = 4_096;

/** @param offset and @param size both in whole blocks */
export function pieceAt(offset: number, size: number): Buffer {
  if (offset % blockBytes !== 0 || size % blockBytes !== 0)
    throw new Error(`${size} bytes at ${offset} are not in whole blocks of ${blockBytes}.`);
  const piece = Buffer.allocUnsafe(size).fill(0x5a);
  for (let at = 0; at < size; at += blockBytes) piece.writeDoubleLE((offset + at) / blockBytes, at);
  return piece;
}

/** Looks at the same bytes where they arrive, in whatever pieces. */
export class PatternCheck {
  #bytes = 0;
  /** The number of a block of which only the begin has come. */
  #begun = Buffer.alloc(0);

  get bytes(): number {
    return this.#bytes;
  }

  /** @throws Error for a block that is not the next one */
  take(piece: Uint8Array): void {
    const data = Buffer.from(piece.buffer, piece.byteOffset, piece.length);
    let at = 0;
    while (at < data.length) {
      const inBlock = (this.#bytes + at) % blockBytes;
      if (inBlock < 8) {
        const part = data.subarray(at, at + 8 - inBlock);
        this.#begun = inBlock === 0 ? Buffer.from(part) : Buffer.concat([this.#begun, part]);
        if (this.#begun.length === 8) this.#compare((this.#bytes + at - inBlock) / blockBytes);
        at += part.length;
      } else at += blockBytes - inBlock;
    }
    this.#bytes += data.length;
  }

  #compare(expected: number): void {
    const number = this.#begun.readDoubleLE();
    if (number !== expected) throw new Error(`Block ${number} has come in the place of ${expected}.`);
  }
}
