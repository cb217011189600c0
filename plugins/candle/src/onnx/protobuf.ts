/** The four wire types of protobuf that exist in ONNX files (groups, 3 and 4, were never used). */
export const wire = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/** An encoded message as a list of chunks, so that 90 MB of weights are copied once, at the very end. */
export type Chunks = Uint8Array[];

const utf8 = new TextEncoder();

export const byteLength = (chunks: Chunks): number => chunks.reduce((sum, chunk) => sum + chunk.length, 0);

function varint(value: number | bigint): Uint8Array {
  let rest = BigInt.asUintN(64, BigInt(value));
  const out: number[] = [];
  while (rest > 0x7fn) {
    out.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  out.push(Number(rest));
  return Uint8Array.from(out);
}

const key = (field: number, wireType: number): Uint8Array => varint((field << 3) | wireType);

export const int = (field: number, value: number | bigint): Chunks => [
  key(field, wire.varint),
  varint(value),
];

export function float(field: number, value: number): Chunks {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return [key(field, wire.fixed32), bytes];
}

/** A length-delimited field: an embedded message, raw bytes or packed numbers. */
export const bytes = (field: number, ...parts: Chunks[]): Chunks => {
  const content = parts.flat();
  return [key(field, wire.bytes), varint(byteLength(content)), ...content];
};

export const text = (field: number, value: string): Chunks => bytes(field, [utf8.encode(value)]);
