import { invalid } from './complaints.ts';
import { datatypes, elementsOf, type Datatype, type Tensor, type TensorData } from './datatypes.ts';
import { elementRules } from './elements.ts';

/** A tensor of the Open Inference Protocol v2 in JSON. `data` is row-major, flat or nested like the shape. */
export interface JsonTensor {
  name: string;
  datatype: Datatype;
  shape: number[];
  data: unknown[];
}

/** Elements converted before other work gets its turn: about a millisecond, so that the plugin stays responsive. */
const SLICE = 32_768;

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export const elementCount = (shape: readonly number[]): number =>
  shape.reduce((product, length) => product * length, 1);

/**
 * Converts one JSON tensor to memory. Throws INVALID_PAYLOAD with a JSON pointer below `path` for a wrong number of
 * elements, nesting that is not the shape, or an element that the datatype does not hold exactly enough.
 */
export async function decodeTensor(json: JsonTensor, path: string, signal: AbortSignal): Promise<Tensor> {
  const { name, datatype, shape } = json;
  const count = elementCount(shape);
  const nested = shape.length > 0 && Array.isArray(json.data[0]);
  const values = nested ? flatten(json, path) : json.data;
  if (values.length !== count) {
    const given = `${values.length} elements in data of ${JSON.stringify(name)}`;
    const message = `${given}, its shape [${shape.join(', ')}] needs ${count}`;
    throw invalid({ path: `${path}/data`, message });
  }
  const { read, allowed } = elementRules[datatype];
  const { target, data } = allocate(datatype, count);
  for (let start = 0; start < count; start += SLICE) {
    if (start > 0) await nextTurn();
    signal.throwIfAborted();
    const end = Math.min(start + SLICE, count);
    for (let i = start; i < end; i++) {
      const element = read(values[i]);
      if (element === undefined) {
        const at = nested ? indicesOf(i, shape) : [i];
        const message = `${show(values[i])} is no ${datatype}: allowed is ${allowed}`;
        throw invalid({ path: `${path}/data/${at.join('/')}`, message });
      }
      target[i] = element;
    }
  }
  return { name, datatype, shape, data };
}

/** Converts a tensor to JSON. Integers beyond ±(2^53 − 1) become decimal strings, NaN and infinities their names. */
export async function encodeTensor(tensor: Tensor, signal: AbortSignal): Promise<JsonTensor> {
  const { name, datatype, shape } = tensor;
  const source = elementsOf(tensor);
  const { write } = elementRules[datatype];
  const data = new Array<unknown>(source.length);
  for (let start = 0; start < source.length; start += SLICE) {
    if (start > 0) await nextTurn();
    signal.throwIfAborted();
    const end = Math.min(start + SLICE, source.length);
    for (let i = start; i < end; i++) data[i] = write(source[i]!);
  }
  return { name, datatype, shape, data };
}

/** `target` takes the elements one by one, `data` is what the runtime gets; they share their memory. */
function allocate(
  datatype: Datatype,
  count: number,
): { target: { [index: number]: number | bigint | string }; data: TensorData } {
  if (datatype === 'FP16') {
    const target = new Float16Array(count);
    return { target, data: new Uint16Array(target.buffer) };
  }
  const ArrayOfType = datatypes[datatype].array;
  const data: TensorData = ArrayOfType === undefined ? new Array<string>(count) : new ArrayOfType(count);
  return { target: data, data };
}

/** Copies nested rows into one array. Throws INVALID_PAYLOAD where the nesting is not the shape. */
function flatten({ data, shape, name }: JsonTensor, path: string): unknown[] {
  const out: unknown[] = [];
  const walk = (level: unknown, depth: number, indices: number[]): void => {
    const length = shape[depth]!;
    if (!Array.isArray(level) || level.length !== length) {
      const at = [`${path}/data`, ...indices].join('/');
      const given = Array.isArray(level) ? `an array of ${level.length}` : show(level);
      const needed = `its shape [${shape.join(', ')}] needs an array of ${length} here`;
      throw invalid({ path: at, message: `${given} in data of ${JSON.stringify(name)}, ${needed}` });
    }
    for (let i = 0; i < length; i++) {
      if (depth === shape.length - 1) out.push(level[i]);
      else walk(level[i], depth + 1, [...indices, i]);
    }
  };
  walk(data, 0, []);
  return out;
}

/** Where the element of this row-major number lies in nested rows. */
function indicesOf(element: number, shape: number[]): number[] {
  let rest = element;
  const indices = shape.toReversed().map((length) => {
    const index = rest % length;
    rest = (rest - index) / length;
    return index;
  });
  return indices.reverse();
}

function show(value: unknown): string {
  // JSON has no word for the infinity that a number such as 1e999 becomes.
  const text = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? 'undefined');
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
