import type { ElementName } from './onnx/schema.ts';

/**
 * The datatypes of the Open Inference Protocol v2, how ONNX and ONNX Runtime call them, and what holds them in memory.
 * FP16 travels as its bit patterns: the runtime reads a Float16Array as empty.
 */
export const datatypes = {
  BOOL: { element: 'bool', runtime: 'bool', array: Uint8Array },
  UINT8: { element: 'uint8', runtime: 'uint8', array: Uint8Array },
  UINT16: { element: 'uint16', runtime: 'uint16', array: Uint16Array },
  UINT32: { element: 'uint32', runtime: 'uint32', array: Uint32Array },
  UINT64: { element: 'uint64', runtime: 'uint64', array: BigUint64Array },
  INT8: { element: 'int8', runtime: 'int8', array: Int8Array },
  INT16: { element: 'int16', runtime: 'int16', array: Int16Array },
  INT32: { element: 'int32', runtime: 'int32', array: Int32Array },
  INT64: { element: 'int64', runtime: 'int64', array: BigInt64Array },
  FP16: { element: 'float16', runtime: 'float16', array: Uint16Array },
  FP32: { element: 'float', runtime: 'float32', array: Float32Array },
  FP64: { element: 'double', runtime: 'float64', array: Float64Array },
  BYTES: { element: 'string', runtime: 'string', array: undefined },
} as const satisfies Record<string, { element: ElementName; runtime: string; array: unknown }>;

export type Datatype = keyof typeof datatypes;

export const datatypeNames = Object.keys(datatypes) as Datatype[];

const byElement = new Map<string, Datatype>(datatypeNames.map((name) => [datatypes[name].element, name]));
const byRuntimeType = new Map<string, Datatype>(datatypeNames.map((name) => [datatypes[name].runtime, name]));

/** The datatype of an ONNX element type; undefined for the ones candle does not take (bfloat16, float8, complex …). */
export const datatypeOfElement = (element: string): Datatype | undefined => byElement.get(element);
export const datatypeOfRuntimeType = (type: string): Datatype | undefined => byRuntimeType.get(type);

export type TensorData =
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Float32Array
  | Float64Array
  | string[];

/** A tensor in memory: row-major, `data` of exactly the array that `datatypes` names. */
export interface Tensor {
  name: string;
  datatype: Datatype;
  shape: number[];
  data: TensorData;
}

/** The memory that the elements take; of texts it is not counted. */
export const bytesOfAll = (tensors: readonly Tensor[]): number =>
  tensors.reduce((sum, { data }) => sum + (Array.isArray(data) ? 0 : data.byteLength), 0);

// The class itself, because a model's process has to delete its global name.
const Half = Float16Array;

/** The elements of a tensor as JavaScript's own values. */
export const elementsOf = ({
  datatype,
  data,
}: Tensor): ArrayLike<number | bigint | string> & Iterable<number | bigint | string> =>
  datatype === 'FP16'
    ? new Half((data as Uint16Array).buffer, (data as Uint16Array).byteOffset, data.length)
    : data;
