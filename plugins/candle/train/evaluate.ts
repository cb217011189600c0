import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { Sample } from './corpus.ts';

export interface Verdict extends Sample {
  output: string;
  score: number;
}

export type Classify = (text: string) => Promise<{ output: string; score: number }>;

/** Opens an .onnx file in the real runtime. */
export async function openModel(file: Uint8Array, labels: string[]): Promise<Classify> {
  const session = await InferenceSession.create(file, { logSeverityLevel: 4, intraOpNumThreads: 1 });
  return async (text) => {
    const bytes = BigInt64Array.from(new TextEncoder().encode(text), BigInt);
    const { scores } = await session.run({ text: new Tensor('int64', bytes, [1, bytes.length]) });
    const values = [...(scores!.data as Float32Array)];
    const score = Math.max(...values);
    return { output: labels[values.indexOf(score)]!, score };
  };
}

/** The samples that a model puts into another language than they are in. */
export async function confusions(classify: Classify, samples: Sample[]): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  for (const sample of samples) verdicts.push({ ...sample, ...(await classify(sample.text)) });
  return verdicts.filter(({ label, output }) => label !== output);
}
