import { BkgError, isRecord, parseJson, pointerToken, type PayloadError } from '@bkg/sdk';
import { throwComplaints } from '../complaints.ts';
import type { TensorHead } from '../feeds.ts';
import { MAX_LENGTH, MAX_NAME, MAX_RANK, MAX_TENSORS } from '../tensor-limits.ts';
import { elementCount } from '../tensor-json.ts';
import { bytesPerElement, datatypeOfDtype, dtypeNames } from './dtypes.ts';

/** A header says what follows; of 1024 tensors it has some 100 KB. */
const HEADER_MOST_BYTES = 1024 * 1024;
export const LENGTH_BYTES = 8;

export interface StoredTensor extends TensorHead {
  /** How many bytes its elements take. */
  bytes: number;
}

export interface Header {
  /** Its `__metadata__`. */
  metadata: Record<string, string>;
  /** In the order of their elements in the file. */
  tensors: StoredTensor[];
  /** Of all tensors together. */
  dataBytes: number;
}

const METADATA = '__metadata__';

/** Where something stands in the header, as a JSON pointer. */
export const pointer = (...members: string[]): string =>
  members.map((member) => `/${pointerToken(member)}`).join('');

export const metadataPlace = (member: string): string => pointer(METADATA, member);

/** The length of the header that the first 8 bytes tell. Throws INVALID_PAYLOAD. */
export function readHeaderLength(bytes: Uint8Array): number {
  const length = new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getBigUint64(0, true);
  if (length >= 2n && length <= BigInt(HEADER_MOST_BYTES)) return Number(length);
  throw invalidFile(
    `This is no safetensors file that candle takes: its first 8 bytes say that the header has ${length} bytes, and allowed are 2 to ${HEADER_MOST_BYTES}`,
  );
}

/** Reads a header and checks all that it claims. Throws INVALID_PAYLOAD with places in the header. */
export function readHeader(text: Uint8Array): Header {
  const entries = Object.entries(parse(text));
  const complaints: PayloadError[] = [];
  const tensors: (StoredTensor & { begin: number; end: number })[] = [];
  let metadata: Record<string, string> = {};
  if (entries.length > MAX_TENSORS + 1)
    throw invalidFile(`The header has ${entries.length} members; allowed are ${MAX_TENSORS} tensors`);
  for (const [name, value] of entries) {
    if (name === METADATA) metadata = readMetadata(value, complaints);
    else {
      const tensor = readTensor(name, value, complaints);
      if (tensor) tensors.push(tensor);
    }
  }
  throwComplaints(complaints);
  tensors.sort((a, b) => a.begin - b.begin || a.end - b.end);
  throwComplaints(gaps(tensors));
  return {
    metadata,
    tensors: tensors.map(({ name, datatype, shape, bytes }) => ({ name, datatype, shape, bytes })),
    dataBytes: tensors.at(-1)?.end ?? 0,
  };
}

function parse(text: Uint8Array): Record<string, unknown> {
  try {
    const value = parseJson(text);
    if (isRecord(value)) return value;
  } catch (error) {
    throw invalidFile(`The header is not JSON: ${(error as Error).message}`, error);
  }
  throw invalidFile('The header is JSON, but not an object with a member for each tensor');
}

function readMetadata(value: unknown, complaints: PayloadError[]): Record<string, string> {
  if (!isRecord(value)) {
    complaints.push({ path: pointer(METADATA), message: 'is no object of texts' });
    return {};
  }
  for (const [member, text] of Object.entries(value)) {
    if (typeof text !== 'string')
      complaints.push({ path: pointer(METADATA, member), message: 'is no text: only texts may stand here' });
  }
  return value as Record<string, string>;
}

function readTensor(
  name: string,
  value: unknown,
  complaints: PayloadError[],
): (StoredTensor & { begin: number; end: number }) | undefined {
  const complain = (member: string, message: string): undefined => {
    complaints.push({ path: member ? pointer(name, member) : pointer(name), message });
  };
  if (name.length > MAX_NAME)
    return complain('', `the name has ${name.length} characters; allowed are ${MAX_NAME}`);
  if (typeof value !== 'object' || value === null)
    return complain('', 'is no object with "dtype", "shape" and "data_offsets"');
  const { dtype, shape, data_offsets: offsets } = value as Record<string, unknown>;
  const datatype = datatypeOfDtype(dtype);
  if (datatype === undefined)
    return complain('dtype', `${show(dtype)} given; allowed are ${dtypeNames.join(', ')}`);
  if (!isCounts(shape) || shape.length > MAX_RANK || shape.some((length) => length > MAX_LENGTH))
    return complain('shape', `is no list of at most ${MAX_RANK} whole numbers from 0 to ${MAX_LENGTH}`);
  if (!isCounts(offsets) || offsets.length !== 2)
    return complain('data_offsets', 'is no list of two whole numbers from 0');
  const [begin, end] = offsets as [number, number];
  const bytes = elementCount(shape) * bytesPerElement(datatype);
  if (end - begin !== bytes) {
    const needed = `${bytes} are needed for ${String(dtype)} [${shape.join(', ')}]`;
    return complain('data_offsets', `[${begin}, ${end}] are ${end - begin} bytes, and ${needed}`);
  }
  return { name, datatype, shape, bytes, begin, end };
}

/** The elements lie one tensor behind the other, from 0 on: bytes of nobody, or of two, are refused. */
function gaps(tensors: { name: string; begin: number; end: number }[]): PayloadError[] {
  let at = 0;
  for (const { name, begin, end } of tensors) {
    if (begin !== at) {
      const message = `begins at ${begin}; it has to begin at ${at}, where the one before ends`;
      return [{ path: pointer(name, 'data_offsets'), message }];
    }
    at = end;
  }
  return [];
}

const isCounts = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((count) => Number.isSafeInteger(count) && (count as number) >= 0);

/** What is no text may be as deep as it likes. */
function show(value: unknown): string {
  if (typeof value !== 'string') return value === undefined ? 'nothing' : 'something else than a text';
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
}

/** About all of the file. */
export const invalidFile = (message: string, cause?: unknown): BkgError =>
  new BkgError('INVALID_PAYLOAD', `${message}.`, {
    errors: [{ path: '', message }],
    ...(cause !== undefined && { cause }),
  });
