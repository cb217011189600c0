import type { Tensor } from '../datatypes.ts';
import { bytesPerElement, dtypeOf } from './dtypes.ts';
import { LENGTH_BYTES } from './header.ts';

/** A safetensors file in pieces: the header, then the elements of each tensor as they lie in memory, not copied. */
export function* encodeSafetensors(
  tensors: readonly Tensor[],
  metadata: Readonly<Record<string, string>>,
): Generator<Uint8Array> {
  // As its own writer does: the widest elements first, so that all of them lie where their size says.
  const inOrder = tensors.toSorted((a, b) => bytesPerElement(b.datatype) - bytesPerElement(a.datatype));
  const parts = inOrder.map((tensor) => ({ ...tensor, bytes: bytesOf(tensor) }));
  let at = 0;
  const members = parts.map(({ name, datatype, shape, bytes }) => {
    const begin = at;
    at += bytes.length;
    return [name, { dtype: dtypeOf(datatype), shape, data_offsets: [begin, at] }];
  });
  yield encodeHeader({ __metadata__: metadata, ...(Object.fromEntries(members) as object) });
  for (const { bytes } of parts) if (bytes.length > 0) yield bytes;
}

function bytesOf({ name, data }: Tensor): Uint8Array {
  if (Array.isArray(data)) throw new Error(`${name} has texts, which have no place in safetensors`);
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** Filled with spaces, so that the elements begin at a multiple of 8. */
function encodeHeader(header: object): Uint8Array {
  const json = Buffer.from(JSON.stringify(header));
  const length = Math.ceil(json.length / LENGTH_BYTES) * LENGTH_BYTES;
  const encoded = Buffer.alloc(LENGTH_BYTES + length, ' ');
  encoded.writeBigUInt64LE(BigInt(length));
  json.copy(encoded, LENGTH_BYTES);
  return encoded;
}
