import type { Tensor } from './datatypes.ts';
import type { Signature } from './signature.ts';

/** From the plugin to the process of a model; one at a time, each answered once. */
export type Request =
  | { kind: 'load'; path: string; threads: number }
  | { kind: 'run'; feeds: Tensor[]; outputs: string[]; maxOutputBytes: number };

export type Answer =
  | { kind: 'loaded'; signature: Signature }
  | { kind: 'result'; outputs: Tensor[] }
  | { kind: 'failed'; reason: FailureReason; message: string };

export type FailureReason = 'invalid' | 'unsupported' | 'refused' | 'too_large';
