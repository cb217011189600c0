import type { Tensor, TensorData } from '../datatypes.ts';
import { datatypes } from '../datatypes.ts';
import { throwComplaints } from '../complaints.ts';
import {
  invalidFile,
  LENGTH_BYTES,
  pointer,
  readHeader,
  readHeaderLength,
  type Header,
  type StoredTensor,
} from './header.ts';
import { PieceReader } from './piece-reader.ts';

/**
 * Reads a safetensors file while it comes: 8 bytes with the length of the header, the header as JSON, and the elements
 * of the tensors, little-endian, one tensor behind the other.
 * https://github.com/huggingface/safetensors#format
 */
export class SafetensorsReader {
  readonly #pieces: PieceReader;
  /** Undefined while nobody knows. */
  readonly #sizeBytes: number | undefined;

  constructor(pieces: AsyncIterable<Uint8Array>, sizeBytes: number | undefined) {
    this.#pieces = new PieceReader(pieces);
    this.#sizeBytes = sizeBytes;
  }

  /** What will come. To be asked first. Throws INVALID_PAYLOAD, and what ends the pieces early. */
  async header(): Promise<Header> {
    const prefix = new Uint8Array(LENGTH_BYTES);
    const prefixBytes = await this.#pieces.fill(prefix);
    if (prefixBytes < LENGTH_BYTES) {
      const given = `${prefixBytes} bytes given`;
      throw invalidFile(`${given}, a safetensors file begins with 8 that tell the length of its header`);
    }
    const text = new Uint8Array(readHeaderLength(prefix));
    const textBytes = await this.#pieces.fill(text);
    if (textBytes < text.length)
      throw invalidFile(`The header has ${text.length} bytes, and only ${textBytes} of them came`);
    const header = readHeader(text);
    const needed = LENGTH_BYTES + text.length + header.dataBytes;
    if (this.#sizeBytes !== undefined && this.#sizeBytes !== needed)
      throw invalidFile(`By its header the file has ${needed} bytes, and ${this.#sizeBytes} are sent`);
    return header;
  }

  /** The tensors that the header has told of, each in memory of its own. Throws as `header` does. */
  async tensors({ tensors, dataBytes }: Header): Promise<Tensor[]> {
    const read: Tensor[] = [];
    let at = 0;
    for (const stored of tensors) {
      const { tensor, filled } = await this.#tensor(stored);
      at += filled;
      if (filled < stored.bytes)
        throw invalidFile(`By its header it has ${dataBytes} bytes of tensors, and only ${at} of them came`);
      read.push(tensor);
    }
    if (await this.#pieces.isAtEnd()) return read;
    throw invalidFile(`More bytes came than the ${dataBytes} of tensors that the header tells of`);
  }

  /** Takes no more of it. */
  close(): Promise<void> {
    return this.#pieces.close();
  }

  async #tensor({ name, datatype, shape, bytes }: StoredTensor): Promise<{ tensor: Tensor; filled: number }> {
    const memory = new ArrayBuffer(bytes);
    const check = datatype === 'BOOL' ? (part: Uint8Array) => checkBools(name, part) : undefined;
    const filled = await this.#pieces.fill(new Uint8Array(memory), check);
    const ArrayOfType = datatypes[datatype].array;
    if (ArrayOfType === undefined) throw new Error(`${datatype} does not come as bytes`);
    const data: TensorData = new ArrayOfType(memory);
    return { tensor: { name, datatype, shape, data }, filled };
  }
}

/** The runtime counts on it. */
function checkBools(name: string, part: Uint8Array): void {
  const wrong = part.find((byte) => byte > 1);
  if (wrong === undefined) return;
  throwComplaints([
    { path: pointer(name), message: `an element is the byte ${wrong}; of BOOL allowed are 0 and 1` },
  ]);
}
