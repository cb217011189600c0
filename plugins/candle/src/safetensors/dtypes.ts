import { datatypes, type Datatype } from '../datatypes.ts';

/** What safetensors calls the datatypes. It has no texts. */
const names = {
  BOOL: 'BOOL',
  UINT8: 'U8',
  UINT16: 'U16',
  UINT32: 'U32',
  UINT64: 'U64',
  INT8: 'I8',
  INT16: 'I16',
  INT32: 'I32',
  INT64: 'I64',
  FP16: 'F16',
  FP32: 'F32',
  FP64: 'F64',
  BYTES: undefined,
} as const satisfies Record<Datatype, string | undefined>;

const byName = new Map<string, Datatype>(
  Object.entries(names).flatMap(([datatype, name]) => (name ? [[name, datatype as Datatype] as const] : [])),
);

export const dtypeNames: readonly string[] = [...byName.keys()];

/** Undefined for what it has no name for. */
export const dtypeOf = (datatype: Datatype): string | undefined => names[datatype];

/** Undefined for one that candle does not take: BF16, F8_E4M3 … */
export const datatypeOfDtype = (dtype: unknown): Datatype | undefined => byName.get(dtype as string);

/** Bytes of one element; 0 for BYTES, whose elements have no fixed size. */
export const bytesPerElement = (datatype: Datatype): number =>
  datatypes[datatype].array?.BYTES_PER_ELEMENT ?? 0;
