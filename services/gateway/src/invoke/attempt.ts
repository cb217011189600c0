import type { Msg } from '@nats-io/nats-core';
import type { ReplyStream, RunningCall, Upload } from '@bkg/sdk';
import type { Call } from './call.ts';

/** One invocation on its way: what is needed to send it, and to send it once more. */
export interface Attempt {
  readonly call: Call;
  /** For its requests; undefined where it goes without saying. */
  readonly contentType: string | undefined;
  /** What it was given. */
  readonly timeoutMs: number;
  /** When that is over, by `performance.now()`. */
  readonly deadlineAt: number;
  readonly controller: AbortController;
  readonly running: RunningCall;
  /** Its body, when that comes as chunks. */
  readonly upload: Upload | undefined;
  /** The answer of whom was asked last, when it may come as chunks. */
  stream: ReplyStream | undefined;
  hasEnded: boolean;
}

/** Sends one to a subject. @returns the reply, or the first message of the stream. @throws NoRespondersError when nobody has got it */
export type Ask = (subject: string, timeoutMs: number) => Promise<Msg>;

/** What is left of its time; one ms when that is over, for the plugin to say so. */
export function leftMsOf({ deadlineAt }: Attempt): number {
  return Math.max(1, Math.floor(deadlineAt - performance.now()));
}

/** Whether nothing of its body or its answer has gone through: then it can be sent to another instance. */
export function isUnbegun({ upload, stream }: Attempt): boolean {
  return upload?.hasBegun !== true && stream?.hasBegun !== true;
}
