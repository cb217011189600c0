/** RFC 6455, as far as a client needs it that reads whole texts and sends short ones. */
export interface Frame {
  opcode: number;
  payload: Buffer;
}

export const opcodes = { text: 1, close: 8, ping: 9, pong: 10 } as const;

/** Takes frames of a server, which are not masked, out of what has come. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);

  /** @throws Error for a frame that is a part of a message: nobody sends one here */
  *take(chunk: Buffer): Generator<Frame, void, void> {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (;;) {
      const [head, length] = sizeOf(bytes);
      if (bytes.length < head + length) break;
      const first = bytes[0] ?? 0;
      if ((first & 0xf0) !== 0x80) throw new Error(`a frame that is no whole message: ${first.toString(16)}`);
      yield { opcode: first & 0x0f, payload: bytes.subarray(head, head + length) };
      bytes = bytes.subarray(head + length);
    }
    this.#rest = bytes;
  }
}

/** Bytes before the payload, and of it; more than there are while these do not say. */
function sizeOf(bytes: Buffer): [head: number, length: number] {
  if (bytes.length < 2) return [2, 0];
  const length = (bytes[1] ?? 0) & 0x7f;
  if (length < 126) return [2, length];
  if (length === 126) return bytes.length < 4 ? [4, 0] : [4, bytes.readUInt16BE(2)];
  return bytes.length < 10 ? [10, 0] : [10, Number(bytes.readBigUInt64BE(2))];
}

/** A frame of a client, up to 125 bytes. With a mask of zeros, which changes nothing. */
export function frameOf(opcode: number, payload: string | Buffer): Buffer {
  const bytes = Buffer.from(payload);
  if (bytes.length > 125) throw new Error(`a frame of ${bytes.length} bytes; it takes 125`);
  return Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | bytes.length, 0, 0, 0, 0]), bytes]);
}
