import path from 'node:path';
import { median } from '../figures.ts';
import { Program } from '../program.ts';
import type { SessionOptions } from '../programs/session.ts';

export const models = ['tiny', 'large'] as const;
export type ModelName = (typeof models)[number];

/** The same run of a model, for the runtime alone and for `model.infer`. */
export interface Work {
  model: ModelName;
  session: Pick<SessionOptions, 'model' | 'feed' | 'output'>;
  payload: string;
}

const text = 'Guten Morgen, wie geht es Ihnen heute?';
const languageModel = path.join(
  import.meta.dirname,
  '../../../plugins/candle/models/bkg/language-id/model.onnx',
);
/** Of all the runs of one process. */
const aloneMostMs = 900_000;
/** Of runs that tell how long one takes. */
const trials = { warmUps: 3, runs: 9 };

/** The model that candle brings, which tells the language of a text. */
export function tinyWork(): Work {
  const bytes = [...Buffer.from(text)];
  return {
    model: 'tiny',
    session: {
      model: languageModel,
      feed: { name: 'text', data: bytes, dims: [1, bytes.length] },
      output: 'scores',
    },
    payload: JSON.stringify({ input: text }),
  };
}

/** @param file of the model `workload` of candle's tests, which multiplies [n, n] matrices */
export function workloadOf(file: string, n: number): Work {
  const size = { name: 'size', datatype: 'INT64', shape: [2], data: [n, n] };
  return {
    model: 'large',
    session: { model: file, feed: { name: size.name, data: size.data, dims: size.shape }, output: 'sum' },
    payload: JSON.stringify({ model_id: 'bench/workload', inputs: [size], outputs: ['sum'] }),
  };
}

/** Matrices that keep this machine busy for about so long. */
export async function sizeFor(file: string, ms: number): Promise<number> {
  let n = 200;
  for (let i = 0; i < 3; i += 1) {
    const { session } = workloadOf(file, n);
    n = Math.max(8, Math.round(n * Math.cbrt(ms / median(await runAlone(session, trials)))));
  }
  return n;
}

/** In a process of its own. @returns how long each run took, in ms */
export async function runAlone(
  session: Work['session'],
  times: Pick<SessionOptions, 'warmUps' | 'runs'>,
): Promise<number[]> {
  const options: SessionOptions = { ...session, ...times };
  await using program = await Program.start('session.ts', options, aloneMostMs);
  return program.ready as number[];
}
