/** A session of ONNX Runtime alone, as candle makes them. Options: see `SessionOptions`; says how long its runs took. */
import { InferenceSession, Tensor } from 'onnxruntime-node';

export interface SessionOptions {
  /** The file of the model. */
  model: string;
  /** Its one input. */
  feed: { name: string; data: number[]; dims: number[] };
  output: string;
  warmUps: number;
  runs: number;
}

const { model, feed, output, warmUps, runs } = JSON.parse(process.argv[2] ?? '{}') as SessionOptions;
const session = await InferenceSession.create(model, {
  executionProviders: ['cpu'],
  // What candle has by default.
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
});
const data = BigInt64Array.from(feed.data, BigInt);
const tookMs: number[] = [];
for (let i = 0; i < warmUps + runs; i += 1) {
  const startedAt = performance.now();
  const results = await session.run({ [feed.name]: new Tensor('int64', data, feed.dims) }, [output]);
  if (!results[output]) throw new Error(`the model has given no ${output}`);
  if (i >= warmUps) tookMs.push(performance.now() - startedAt);
}
process.send?.({ ready: tookMs });
