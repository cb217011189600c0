import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { OutputLimit } from '../src/messages.ts';
import type { ElementName } from '../src/onnx/schema.ts';
import { encodeModel, type Dim, type Model } from '../src/onnx/writer.ts';

/** As candle's settings have it. */
export const limit: OutputLimit = { as: 'json', mostBytes: 1_000_000 };

export interface Folder extends AsyncDisposable {
  path: string;
  /** Writes a file below the folder and gives its path. */
  write: (name: string, content: Uint8Array | string) => Promise<string>;
}

export async function temporaryFolder(): Promise<Folder> {
  const path = await mkdtemp(join(tmpdir(), 'bkg-candle-'));
  return {
    path,
    write: async (name, content) => {
      const file = join(path, name);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, content);
      return file;
    },
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}

/** y = x, for tensors of one element type; of any rank when no dims are given. */
export const identity = (element: ElementName, dims?: Dim[]): Uint8Array =>
  encodeModel({
    name: 'identity',
    inputs: [{ name: 'x', type: { tensor: element, ...(dims && { dims }) } }],
    outputs: [{ name: 'y', type: { tensor: element, ...(dims && { dims }) } }],
    nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
  });

/** sum = a + b over [rows, 2], and the table rows that `at` names: two outputs, dynamic axes, a value that can be out of range. */
export const arithmetic = (): Uint8Array =>
  encodeModel({
    name: 'arithmetic',
    inputs: [
      { name: 'a', type: { tensor: 'float', dims: ['rows', 2] } },
      { name: 'b', type: { tensor: 'float', dims: ['rows', 2] } },
      { name: 'at', type: { tensor: 'int64', dims: [null] } },
    ],
    outputs: [
      { name: 'sum', type: { tensor: 'float', dims: ['rows', 2] } },
      { name: 'picked', type: { tensor: 'double', dims: [null] } },
    ],
    nodes: [
      { op: 'Add', inputs: ['a', 'b'], outputs: ['sum'] },
      { op: 'Gather', inputs: ['table', 'at'], outputs: ['picked'] },
    ],
    initializers: [{ name: 'table', element: 'double', dims: [3], data: new Float64Array([10, 20, 30]) }],
  });

/**
 * Multiplies [n, n] matrices 16 times, where `size` = [n, n]: 64 takes no time, 1000 about a second on one core.
 * `product` is as large as asked for, `sum` a scalar.
 */
export function workload(): Uint8Array {
  const steps = Array.from({ length: 16 }, (_, i) => i);
  const model: Model = {
    name: 'workload',
    inputs: [{ name: 'size', type: { tensor: 'int64', dims: [2] } }],
    outputs: [
      { name: 'sum', type: { tensor: 'float', dims: [] } },
      { name: 'product', type: { tensor: 'float', dims: [null, null] } },
    ],
    nodes: [
      { op: 'ConstantOfShape', inputs: ['size'], outputs: ['step_0'] },
      ...steps.map((i) => ({ op: 'MatMul', inputs: [`step_${i}`, 'step_0'], outputs: [`step_${i + 1}`] })),
      { op: 'Identity', inputs: ['step_16'], outputs: ['product'] },
      { op: 'ReduceSum', inputs: ['step_16'], outputs: ['sum'], attributes: { keepdims: 0 } },
    ],
  };
  return encodeModel(model);
}

/** `zeros` of the shape that `size` says: much out of nothing. */
export const zeros = (): Uint8Array =>
  encodeModel({
    name: 'zeros',
    inputs: [{ name: 'size', type: { tensor: 'int64', dims: [2] } }],
    outputs: [{ name: 'zeros', type: { tensor: 'float', dims: [null, null] } }],
    nodes: [{ op: 'ConstantOfShape', inputs: ['size'], outputs: ['zeros'] }],
  });

/** y = x + the row of a table that is as large as asked for: something to load. */
export function heavy(megabytes: number): Uint8Array {
  const columns = 1024;
  const rows = megabytes * 256;
  // Cheap to make, and not constant, so that nobody can fold it away.
  const table = Float32Array.from({ length: rows * columns }, (_, i) => i % 251);
  return encodeModel({
    name: 'heavy',
    inputs: [{ name: 'row', type: { tensor: 'int64', dims: [] } }],
    outputs: [{ name: 'values', type: { tensor: 'float', dims: [columns] } }],
    nodes: [{ op: 'Gather', inputs: ['table', 'row'], outputs: ['values'] }],
    initializers: [{ name: 'table', element: 'float', dims: [rows, columns], data: table }],
  });
}
