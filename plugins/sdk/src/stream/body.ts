import { parseJson } from '../json.ts';

export interface BodyOptions {
  contentType: string;
  /** Undefined: its sender does not know. */
  sizeBytes: number | undefined;
  pieces: AsyncIterable<Uint8Array>;
}

/** Bytes that arrive: read once, piece by piece or as a whole. */
export class Body implements AsyncIterable<Uint8Array> {
  readonly contentType: string;
  readonly sizeBytes: number | undefined;
  readonly #pieces: AsyncIterable<Uint8Array>;
  #isRead = false;

  constructor({ contentType, sizeBytes, pieces }: BodyOptions) {
    this.contentType = contentType;
    this.sizeBytes = sizeBytes;
    this.#pieces = pieces;
  }

  /** A body that is here already. */
  static of(data: Uint8Array, contentType: string): Body {
    return new Body({ contentType, sizeBytes: data.length, pieces: pieceOf(data) });
  }

  /** Slow reading makes its sender wait. @throws Error when it was read before; what ends it before its end */
  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    if (this.#isRead) throw new Error('This body was read already; it comes once.');
    this.#isRead = true;
    return this.#pieces[Symbol.asyncIterator]();
  }

  /** All of it, in memory. */
  async bytes(): Promise<Uint8Array> {
    return joined(this);
  }

  /** @throws Error for what is no JSON */
  async json(): Promise<unknown> {
    return parseJson(await this.bytes());
  }
}

/** All pieces as one. */
export async function joined(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of source) pieces.push(piece);
  return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
}

/** Nothing for no bytes. */
export async function* pieceOf(data: Uint8Array): AsyncGenerator<Uint8Array> {
  if (data.length > 0) yield data;
}
