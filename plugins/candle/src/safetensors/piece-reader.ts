/** Reads so many bytes as are wanted out of pieces that have sizes of their own. */
export class PieceReader {
  readonly #pieces: AsyncIterator<Uint8Array>;
  #piece: Uint8Array = new Uint8Array();
  #hasEnded = false;

  constructor(pieces: AsyncIterable<Uint8Array>) {
    this.#pieces = pieces[Symbol.asyncIterator]();
  }

  /**
   * Fills `target`, and tells of each part of it that was filled.
   * @returns how much of it is filled, which is less than all when the pieces end before
   */
  async fill(target: Uint8Array, onPart?: (part: Uint8Array) => void): Promise<number> {
    let filled = 0;
    while (filled < target.length && (await this.#hasMore())) {
      const part = this.#piece.subarray(0, target.length - filled);
      target.set(part, filled);
      this.#piece = this.#piece.subarray(part.length);
      filled += part.length;
      onPart?.(part);
    }
    return filled;
  }

  /** Whether the pieces have ended. */
  async isAtEnd(): Promise<boolean> {
    return !(await this.#hasMore());
  }

  /** Takes no more of them. */
  async close(): Promise<void> {
    if (!this.#hasEnded) await this.#pieces.return?.();
  }

  async #hasMore(): Promise<boolean> {
    while (this.#piece.length === 0 && !this.#hasEnded) {
      const next = await this.#pieces.next();
      if (next.done === true) this.#hasEnded = true;
      else this.#piece = next.value;
    }
    return this.#piece.length > 0;
  }
}
