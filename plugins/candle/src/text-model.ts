import { invalid } from './complaints.ts';
import type { Tensor } from './datatypes.ts';
import { describePort, type Signature } from './signature.ts';

/** A model that classifies a plain text: it takes UTF-8 bytes and gives one score per label. */
export interface TextModel {
  input: string;
  output: string;
  labels: string[];
  maxBytes: number;
}

const DEFAULT_MAX_BYTES = 65_536;
const utf8 = new TextEncoder();

/**
 * Reads from a model's metadata that it takes text: `bkg.task=text-classification`, `bkg.text=utf-8-bytes`,
 * `bkg.labels=["…"]`, optionally `bkg.max_bytes`. Throws INVALID_PAYLOAD, saying what it does take, for any other.
 */
export function textModelOf(modelId: string, { inputs, outputs, metadata }: Signature): TextModel {
  const labels = readLabels(metadata['bkg.labels']);
  const [input, output] = [inputs[0], outputs[0]];
  const declared = metadata['bkg.task'] === 'text-classification' && metadata['bkg.text'] === 'utf-8-bytes';
  const carries = inputs.length === 1 && input?.datatype === 'INT64' && output?.datatype === 'FP32';
  if (!declared || !carries || labels === undefined) {
    const takes = inputs.map(describePort).join(', ') || 'none';
    throw refused(`${modelId} takes no text, it takes tensors: ${takes}. Send them as "inputs" instead`);
  }
  const maxBytes = Number(metadata['bkg.max_bytes']) || DEFAULT_MAX_BYTES;
  return { input: input.name, output: output.name, labels, maxBytes };
}

/** The text as one row of byte values. Throws INVALID_PAYLOAD for a text without content or over the model's limit. */
export function encodeText({ input, maxBytes }: TextModel, text: string): Tensor {
  const bytes = utf8.encode(text);
  if (text.trim() === '') throw refused('the text is empty: give at least one character that is not a space');
  if (bytes.length > maxBytes) {
    throw refused(`${bytes.length} bytes given, the model takes ${maxBytes}: send a part of the text`);
  }
  return {
    name: input,
    datatype: 'INT64',
    shape: [1, bytes.length],
    data: BigInt64Array.from(bytes, BigInt),
  };
}

/** The best label and the score of every label, best first. */
export function readScores(
  model: TextModel,
  outputs: Tensor[],
): { output: string; scores: Record<string, number> } {
  const values = outputs.find(({ name }) => name === model.output)?.data as Float32Array | undefined;
  if (values?.length !== model.labels.length) {
    throw new Error(`the model gave ${values?.length ?? 0} scores for its ${model.labels.length} labels`);
  }
  const ranked = model.labels
    .map((label, i): [string, number] => [label, values[i]!])
    .sort(([, a], [, b]) => b - a);
  return { output: ranked[0]![0], scores: Object.fromEntries(ranked) };
}

function readLabels(json: string | undefined): string[] | undefined {
  if (json === undefined) return undefined;
  try {
    const labels: unknown = JSON.parse(json);
    const valid =
      Array.isArray(labels) && labels.length > 0 && labels.every((label) => typeof label === 'string');
    return valid ? labels : undefined;
  } catch {
    // Not JSON: the model does not declare what it would have to, and the caller is told what it takes.
    return undefined;
  }
}

const refused = (message: string): Error => invalid({ path: '/input', message });
