import type { Initializer, Model, Node } from '../src/onnx/writer.ts';
import type { Classifier } from './classifier.ts';
import { buckets, factors, foldTable, orders, salts } from './features.ts';

const int64 = (name: string, dims: number[], values: number[]): Initializer => ({
  name,
  element: 'int64',
  dims,
  data: BigInt64Array.from(values, BigInt),
});

/** "Until the end" for Slice. */
const END = 2 ** 31 - 1;

/**
 * The classifier as a graph from the UTF-8 bytes of a text to one probability per language.
 * Hashing the n-grams happens inside, so that whoever runs the file needs none of our code.
 */
export function languageIdGraph(classifier: Classifier, metadata: Record<string, string>): Model {
  const { labels } = classifier;
  const { rows, scales } = quantize(classifier);
  const shifts = Array.from({ length: orders }, (_, j) => j);
  const nodes: Node[] = [
    // [1, n] bytes → [1, n + 6]: folded, a space on either side, zeros so that the last window is full.
    { op: 'Gather', inputs: ['fold', 'text'], outputs: ['folded'] },
    { op: 'Concat', inputs: ['space', 'folded', 'tail'], outputs: ['padded'], attributes: { axis: 1 } },
    // windows[j, i] = padded[i + j], for every i where a word or a space stands.
    ...shifts.map((j) => ({
      op: 'Slice',
      inputs: ['padded', `from_${j}`, `to_${j}`, 'axis_1'],
      outputs: [`window_${j}`],
    })),
    { op: 'Concat', inputs: shifts.map((j) => `window_${j}`), outputs: ['windows'], attributes: { axis: 0 } },
    // hashes[k, i] = (Σj factors[k, j] · windows[j, i] + salts[k]) mod buckets: the n-gram of length k + 1 at i.
    { op: 'MatMul', inputs: ['factors', 'windows'], outputs: ['products'] },
    { op: 'Add', inputs: ['products', 'salts'], outputs: ['salted'] },
    { op: 'Mod', inputs: ['salted', 'buckets'], outputs: ['hashes'] },
    // Sum of the rows of the n-grams, divided by the root of their number.
    { op: 'Gather', inputs: ['rows', 'hashes'], outputs: ['picked_int8'] },
    { op: 'Cast', inputs: ['picked_int8'], outputs: ['picked'], attributes: { to: 1 } },
    { op: 'ReduceSum', inputs: ['picked', 'axes_0_1'], outputs: ['sums'], attributes: { keepdims: 0 } },
    { op: 'Size', inputs: ['hashes'], outputs: ['count_int64'] },
    { op: 'Cast', inputs: ['count_int64'], outputs: ['count'], attributes: { to: 1 } },
    { op: 'Sqrt', inputs: ['count'], outputs: ['root'] },
    { op: 'Div', inputs: ['sums', 'root'], outputs: ['shares'] },
    { op: 'Mul', inputs: ['shares', 'scales'], outputs: ['logits'] },
    { op: 'Softmax', inputs: ['logits'], outputs: ['scores'], attributes: { axis: 1 } },
  ];
  const initializers: Initializer[] = [
    { name: 'fold', element: 'int64', dims: [256], data: foldTable },
    int64('space', [1, 1], [32]),
    int64('tail', [1, orders], [32, ...new Array<number>(orders - 1).fill(0)]),
    ...shifts.flatMap((j) => [
      int64(`from_${j}`, [1], [j]),
      int64(`to_${j}`, [1], [j < orders - 1 ? j - orders + 1 : END]),
    ]),
    int64('axis_1', [1], [1]),
    int64('axes_0_1', [2], [0, 1]),
    int64('factors', [orders, orders], factors.flat()),
    int64('salts', [orders, 1], salts),
    int64('buckets', [], [buckets]),
    { name: 'rows', element: 'int8', dims: [buckets, labels.length], data: rows },
    { name: 'scales', element: 'float', dims: [1, labels.length], data: scales },
  ];
  return {
    name: 'language-id',
    inputs: [{ name: 'text', type: { tensor: 'int64', dims: [1, 'bytes'] } }],
    outputs: [{ name: 'scores', type: { tensor: 'float', dims: [1, labels.length] } }],
    nodes,
    initializers,
    metadata,
  };
}

/** Eight bits a weight and one scale a language: a quarter of the size. The accuracy we state is measured after this. */
function quantize({ labels, weights }: Classifier): { rows: Int8Array; scales: Float32Array } {
  const scales = new Float32Array(labels.length);
  weights.forEach((weight, i) => {
    const label = i % labels.length;
    scales[label] = Math.max(scales[label]!, Math.abs(weight) / 127);
  });
  return {
    rows: Int8Array.from(weights, (weight, i) => Math.round(weight / scales[i % labels.length]!)),
    scales,
  };
}
