/**
 * The field numbers and element types of onnx.proto3 that candle reads and writes.
 * Only these few are needed, so there is no protobuf library and no generated code.
 * Source: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3
 */
export const model = { irVersion: 1, producerName: 2, graph: 7, opsetImport: 8, metadataProps: 14 } as const;
export const opset = { domain: 1, version: 2 } as const;
export const entry = { key: 1, value: 2 } as const;
export const graph = {
  node: 1,
  name: 2,
  initializer: 5,
  input: 11,
  output: 12,
  sparseInitializer: 15,
} as const;
export const node = { input: 1, output: 2, name: 3, opType: 4, attribute: 5, domain: 7 } as const;
export const attribute = { name: 1, f: 2, i: 3, s: 4, t: 5, ints: 8, type: 20 } as const;
export const attributeType = { float: 1, int: 2, string: 3, tensor: 4, ints: 7 } as const;
export const tensor = {
  dims: 1,
  dataType: 2,
  stringData: 6,
  name: 8,
  rawData: 9,
  externalData: 13,
  dataLocation: 14,
} as const;
export const dataLocation = { external: 1 } as const;
export const sparseTensor = { values: 1 } as const;
export const valueInfo = { name: 1, type: 2 } as const;
export const type = { tensor: 1, sequence: 4, map: 5, opaque: 7, sparse: 8, optional: 9 } as const;
export const tensorType = { elemType: 1, shape: 2 } as const;
export const mapType = { key: 1, value: 2 } as const;
export const shape = { dim: 1 } as const;
export const dim = { value: 1, param: 2 } as const;

/** Element types by their number in TensorProto.DataType, named as ONNX writes them in a type string. */
export const elementNames = [
  'undefined',
  'float',
  'uint8',
  'int8',
  'uint16',
  'int16',
  'int32',
  'int64',
  'string',
  'bool',
  'float16',
  'double',
  'uint32',
  'uint64',
  'complex64',
  'complex128',
  'bfloat16',
  'float8e4m3fn',
  'float8e4m3fnuz',
  'float8e5m2',
  'float8e5m2fnuz',
  'uint4',
  'int4',
  'float4e2m1',
  'float8e8m0',
  'uint2',
  'int2',
] as const;

export type ElementName = (typeof elementNames)[number];

export const elementNumber = (name: ElementName): number => elementNames.indexOf(name);
