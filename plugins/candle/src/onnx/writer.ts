import { bytes, float, int, text, type Chunks } from './protobuf.ts';
import * as onnx from './schema.ts';
import type { ElementName } from './schema.ts';

/** A fixed length, a named dynamic axis, or `null` for a dynamic axis without a name. */
export type Dim = number | string | null;

/** The type of a graph input or output. `dims` left out means: of any rank. */
export type ValueType =
  | { tensor: ElementName; dims?: Dim[] }
  | { sparse: ElementName; dims?: Dim[] }
  | { sequence: ValueType }
  | { optional: ValueType }
  | { map: ElementName; to: ValueType };

export interface Value {
  name: string;
  /** Left out, the file says nothing about it and the runtime has to infer it (allowed for outputs). */
  type?: ValueType;
}

export interface Initializer {
  name: string;
  element: ElementName;
  dims: number[];
  /** Little-endian numbers as they lie in memory, texts for element `string`, or the file beside the model that has them. */
  data: ArrayBufferView | string[] | { external: string };
}

/** A whole number becomes an INT attribute, `{ float }` a FLOAT one, an array INTS. */
export type Attribute =
  number | string | number[] | { float: number } | { tensor: Omit<Initializer, 'name'> };

export interface Node {
  op: string;
  inputs: string[];
  outputs: string[];
  attributes?: Record<string, Attribute>;
  domain?: string;
}

export interface Model {
  name: string;
  inputs: Value[];
  outputs: Value[];
  nodes: Node[];
  initializers?: Initializer[];
  metadata?: Record<string, string>;
  /** Version of the default operator set; 17 knows every operator candle's own models use. */
  opsetVersion?: number;
}

/** Encodes a model as an .onnx file. Shapes and types are the caller's business: the runtime checks them at load. */
export function encodeModel(model: Model): Uint8Array<ArrayBuffer> {
  const graph = bytes(
    onnx.model.graph,
    model.nodes.flatMap((node, index) => bytes(onnx.graph.node, encodeNode(node, index))),
    text(onnx.graph.name, model.name),
    (model.initializers ?? []).flatMap((tensor) => bytes(onnx.graph.initializer, encodeTensor(tensor))),
    model.inputs.flatMap((value) => bytes(onnx.graph.input, encodeValue(value))),
    model.outputs.flatMap((value) => bytes(onnx.graph.output, encodeValue(value))),
  );
  return Buffer.concat([
    ...int(onnx.model.irVersion, 8),
    ...text(onnx.model.producerName, 'bkg candle'),
    ...graph,
    ...bytes(onnx.model.opsetImport, int(onnx.opset.version, model.opsetVersion ?? 17)),
    ...Object.entries(model.metadata ?? {}).flatMap(([key, value]) =>
      bytes(onnx.model.metadataProps, text(onnx.entry.key, key), text(onnx.entry.value, value)),
    ),
  ]);
}

function encodeNode({ op, inputs, outputs, attributes = {}, domain }: Node, index: number): Chunks {
  return [
    ...inputs.flatMap((name) => text(onnx.node.input, name)),
    ...outputs.flatMap((name) => text(onnx.node.output, name)),
    ...text(onnx.node.name, `${op}_${index}`),
    ...text(onnx.node.opType, op),
    ...Object.entries(attributes).flatMap(([name, value]) =>
      bytes(onnx.node.attribute, text(onnx.attribute.name, name), encodeAttribute(value)),
    ),
    ...(domain === undefined ? [] : text(onnx.node.domain, domain)),
  ];
}

function encodeAttribute(value: Attribute): Chunks {
  const { attribute, attributeType } = onnx;
  if (typeof value === 'number')
    return [...int(attribute.i, value), ...int(attribute.type, attributeType.int)];
  if (typeof value === 'string') {
    return [...text(attribute.s, value), ...int(attribute.type, attributeType.string)];
  }
  if (Array.isArray(value)) {
    return [
      ...value.flatMap((item) => int(attribute.ints, item)),
      ...int(attribute.type, attributeType.ints),
    ];
  }
  if ('float' in value) {
    return [...float(attribute.f, value.float), ...int(attribute.type, attributeType.float)];
  }
  const tensor = encodeTensor({ name: '', ...value.tensor });
  return [...bytes(attribute.t, tensor), ...int(attribute.type, attributeType.tensor)];
}

function encodeTensor({ name, element, dims, data }: Initializer): Chunks {
  return [
    ...dims.flatMap((length) => int(onnx.tensor.dims, length)),
    ...int(onnx.tensor.dataType, onnx.elementNumber(element)),
    ...text(onnx.tensor.name, name),
    ...encodeData(data),
  ];
}

function encodeData(data: Initializer['data']): Chunks {
  const { tensor } = onnx;
  if (Array.isArray(data)) return data.flatMap((item) => text(tensor.stringData, item));
  if ('external' in data) {
    const location = [...text(onnx.entry.key, 'location'), ...text(onnx.entry.value, data.external)];
    return [...bytes(tensor.externalData, location), ...int(tensor.dataLocation, onnx.dataLocation.external)];
  }
  return bytes(tensor.rawData, [new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]);
}

function encodeValue({ name, type }: Value): Chunks {
  return [
    ...text(onnx.valueInfo.name, name),
    ...(type === undefined ? [] : bytes(onnx.valueInfo.type, encodeType(type))),
  ];
}

function encodeType(type: ValueType): Chunks {
  if ('tensor' in type) return bytes(onnx.type.tensor, encodeTensorType(type.tensor, type.dims));
  if ('sparse' in type) return bytes(onnx.type.sparse, encodeTensorType(type.sparse, type.dims));
  // Sequence and optional hold their element type in field 1, a map its key in 1 and its value in 2.
  if ('sequence' in type) return bytes(onnx.type.sequence, bytes(1, encodeType(type.sequence)));
  if ('optional' in type) return bytes(onnx.type.optional, bytes(1, encodeType(type.optional)));
  const key = int(onnx.mapType.key, onnx.elementNumber(type.map));
  return bytes(onnx.type.map, key, bytes(onnx.mapType.value, encodeType(type.to)));
}

function encodeTensorType(element: ElementName, dims?: Dim[]): Chunks {
  const elemType = int(onnx.tensorType.elemType, onnx.elementNumber(element));
  if (dims === undefined) return elemType;
  const shape = dims.map((dim) => {
    if (dim === null) return bytes(onnx.shape.dim);
    return bytes(
      onnx.shape.dim,
      typeof dim === 'number' ? int(onnx.dim.value, dim) : text(onnx.dim.param, dim),
    );
  });
  return [...elemType, ...bytes(onnx.tensorType.shape, ...shape)];
}
