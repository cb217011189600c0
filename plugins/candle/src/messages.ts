import type { Signature } from './signature.ts';
import type { TensorOnItsWay } from './tensor-pipe.ts';

/** How large the outputs of one run may be, in the form in which they leave candle. */
export interface OutputLimit {
  as: 'json' | 'bytes';
  mostBytes: number;
}

/** From the plugin to the process of a model; one at a time, each answered once. Elements of tensors follow on the pipe. */
export type Request =
  | { kind: 'load'; path: string; threads: number }
  | { kind: 'run'; feeds: TensorOnItsWay[]; outputs: string[]; limit: OutputLimit };

export type Answer =
  | { kind: 'loaded'; signature: Signature }
  | { kind: 'result'; outputs: TensorOnItsWay[] }
  | { kind: 'failed'; reason: FailureReason; message: string };

export type FailureReason = 'invalid' | 'unsupported' | 'refused' | 'too_large';
