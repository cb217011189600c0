import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { wire } from './protobuf.ts';
import * as onnx from './schema.ts';

/** An input or output of a graph, as the file declares it. */
export interface ValueInfo {
  name: string;
  /** ONNX type string: `tensor(float)`, `seq(tensor(int64))`, `optional(tensor(float))`; `undeclared` when the file is silent. */
  type: string;
  /** Element type of a plain dense tensor; undefined for every other kind. */
  element?: string;
  /** Fixed length, name of a dynamic axis, or '' for one without a name; undefined when the rank is not known. */
  dims?: (number | string)[];
}

export interface ModelHeader {
  inputs: ValueInfo[];
  outputs: ValueInfo[];
  /** What was written for candle, under keys that begin with `bkg.`: others can be megabytes of vocabulary. */
  metadata: Record<string, string>;
}

interface Field {
  number: number;
  value: bigint;
  start: number;
  end: number;
}

const METADATA_PREFIX = 'bkg.';
const WINDOW_BYTES = 16 * 1024;
// Names, metadata and types are small; whoever declares more is not describing a model.
const MAX_TEXT_BYTES = 1024 * 1024;

/**
 * Reads what an .onnx file says about its inputs, outputs and metadata. Weights are stepped over, never read,
 * so that a file of gigabytes costs a few reads. Blocking: for a process that has nothing else to do.
 * Throws an Error that says at which byte the file stops being a model.
 */
export function readModelHeader(path: string): ModelHeader {
  const fd = openSync(path, 'r');
  try {
    return new Reader(fd, fstatSync(fd).size).model();
  } finally {
    closeSync(fd);
  }
}

class Reader {
  readonly #fd: number;
  readonly #size: number;
  readonly #window = Buffer.alloc(WINDOW_BYTES);
  #windowStart = 0;
  #windowEnd = 0;

  constructor(fd: number, size: number) {
    this.#fd = fd;
    this.#size = size;
  }

  model(): ModelHeader {
    const metadata: [string, string][] = [];
    let graph: Field | undefined;
    for (const field of this.#fields(0, this.#size)) {
      if (field.number === onnx.model.graph) graph = field;
      if (field.number === onnx.model.metadataProps) metadata.push(...this.#entry(field));
    }
    if (graph === undefined) {
      throw new Error('the file has no graph: it is not an ONNX model, or it was cut off');
    }
    return { ...this.#graph(graph), metadata: Object.fromEntries(metadata) };
  }

  #graph(field: Field): { inputs: ValueInfo[]; outputs: ValueInfo[] } {
    const inputs: ValueInfo[] = [];
    const outputs: ValueInfo[] = [];
    const weights = new Set<string>();
    for (const part of this.#fields(field.start, field.end)) {
      if (part.number === onnx.graph.input) inputs.push(this.#valueInfo(part));
      if (part.number === onnx.graph.output) outputs.push(this.#valueInfo(part));
      if (part.number === onnx.graph.initializer) weights.add(this.#text(part, onnx.tensor.name));
      if (part.number === onnx.graph.sparseInitializer) {
        const values = this.#find(part, onnx.sparseTensor.values);
        if (values) weights.add(this.#text(values, onnx.tensor.name));
      }
    }
    // Files of the first ONNX versions repeat every weight among the inputs; nobody passes those.
    return { inputs: inputs.filter(({ name }) => !weights.has(name)), outputs };
  }

  #valueInfo(field: Field): ValueInfo {
    const name = this.#text(field, onnx.valueInfo.name);
    const type = this.#find(field, onnx.valueInfo.type);
    return { name, ...(type ? this.#type(type) : { type: 'undeclared' }) };
  }

  #type(field: Field): Omit<ValueInfo, 'name'> {
    for (const part of this.#fields(field.start, field.end)) {
      if (part.number === onnx.type.tensor) {
        const element = this.#element(part, onnx.tensorType.elemType);
        return { type: `tensor(${element})`, element, dims: this.#dims(part) };
      }
      if (part.number === onnx.type.sparse) {
        return { type: `sparse_tensor(${this.#element(part, onnx.tensorType.elemType)})` };
      }
      if (part.number === onnx.type.sequence) return { type: `seq(${this.#innerType(part, 1)})` };
      if (part.number === onnx.type.optional) return { type: `optional(${this.#innerType(part, 1)})` };
      if (part.number === onnx.type.map) {
        const key = this.#element(part, onnx.mapType.key);
        return { type: `map(${key}, ${this.#innerType(part, onnx.mapType.value)})` };
      }
      if (part.number === onnx.type.opaque) return { type: 'opaque' };
    }
    return { type: 'undeclared' };
  }

  #innerType(field: Field, number: number): string {
    const inner = this.#find(field, number);
    return inner ? this.#type(inner).type : 'undeclared';
  }

  #element(field: Field, number: number): string {
    const value = Number(this.#find(field, number)?.value ?? 0n);
    return onnx.elementNames[value] ?? `element type ${value}`;
  }

  #dims(tensorType: Field): (number | string)[] | undefined {
    const shape = this.#find(tensorType, onnx.tensorType.shape);
    if (shape === undefined) return undefined;
    return [...this.#fields(shape.start, shape.end)]
      .filter(({ number }) => number === onnx.shape.dim)
      .map((dim) => {
        const value = this.#find(dim, onnx.dim.value);
        // A negative length is how some exporters write "dynamic".
        const length = value && Number(BigInt.asIntN(64, value.value));
        return length !== undefined && length >= 0 ? length : this.#text(dim, onnx.dim.param);
      });
  }

  #entry(field: Field): [string, string][] {
    const key = this.#text(field, onnx.entry.key);
    return key.startsWith(METADATA_PREFIX) ? [[key, this.#text(field, onnx.entry.value)]] : [];
  }

  #find(field: Field, number: number): Field | undefined {
    for (const part of this.#fields(field.start, field.end)) if (part.number === number) return part;
    return undefined;
  }

  #text(field: Field, number: number): string {
    const part = this.#find(field, number);
    if (part === undefined) return '';
    const length = part.end - part.start;
    if (length > MAX_TEXT_BYTES) {
      throw new Error(`a text of ${length} bytes at byte ${part.start} (allowed: ${MAX_TEXT_BYTES})`);
    }
    const bytes = Buffer.alloc(length);
    readSync(this.#fd, bytes, 0, length, part.start);
    return bytes.toString('utf8');
  }

  *#fields(start: number, end: number): Generator<Field> {
    let at = start;
    while (at < end) {
      const [key, afterKey] = this.#varint(at, end);
      const field = { number: Number(key >> 3n), ...this.#content(Number(key & 7n), afterKey, end) };
      if (field.end > end) {
        const where = `field ${field.number} at byte ${at}`;
        throw new Error(`${where} reaches beyond its end: the file was cut off or damaged`);
      }
      yield field;
      at = field.end;
    }
  }

  #content(wireType: number, at: number, end: number): Omit<Field, 'number'> {
    if (wireType === wire.varint) {
      const [value, next] = this.#varint(at, end);
      return { value, start: at, end: next };
    }
    if (wireType === wire.bytes) {
      const [length, start] = this.#varint(at, end);
      return { value: 0n, start, end: start + Number(length) };
    }
    if (wireType === wire.fixed64) return { value: 0n, start: at, end: at + 8 };
    if (wireType === wire.fixed32) return { value: 0n, start: at, end: at + 4 };
    throw new Error(`no such wire type as ${wireType} before byte ${at}: it is not an ONNX model`);
  }

  #varint(at: number, end: number): [value: bigint, next: number] {
    let value = 0n;
    for (let i = 0; i < 10 && at + i < end; i++) {
      const byte = this.#byte(at + i);
      value |= BigInt(byte & 0x7f) << BigInt(7 * i);
      if (byte < 0x80) return [value, at + i + 1];
    }
    throw new Error(`a number at byte ${at} does not end: the file was cut off or damaged`);
  }

  #byte(at: number): number {
    if (at < this.#windowStart || at >= this.#windowEnd) {
      this.#windowStart = at;
      this.#windowEnd = at + readSync(this.#fd, this.#window, 0, WINDOW_BYTES, at);
      if (this.#windowEnd === at) throw new Error(`the file ends at byte ${at} though more was announced`);
    }
    return this.#window[at - this.#windowStart]!;
  }
}
