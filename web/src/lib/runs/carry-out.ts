import type { StreamOptions } from '@bkg/sdk/client/ws';
import { BkgError, type PluginCapability } from '@bkg/sdk/protocol';
import { typeOfFile } from '../bytes/content-types.ts';
import { exchange, TooLargeToKeepError, type Progress } from '../bytes/exchange.ts';
import { saveAnswer, type FileToWrite } from '../bytes/save-file.ts';
import {
  invoke,
  invokePath,
  patienceMs,
  resultOfBytes,
  resultOfProblem,
  type InvocationResult,
} from '../invocation.ts';
import { NotSentError, ProblemError, problemOfError } from '../request.ts';
import { streamEvents } from '../stream/event-stream.ts';
import { StreamRun, type ChunkSource } from '../stream/stream-run.svelte.ts';

export type Outcome = (
  | { kind: 'result'; result: InvocationResult; payload: string }
  | { kind: 'stream'; run: StreamRun }
  | { kind: 'saved'; name: string; bytes: number; durationMs: number }
  /** There was more than the page keeps. */
  | { kind: 'too-large'; afterMs: number }
  | { kind: 'cancelled'; afterMs: number }
  | { kind: 'not-sent'; detail: string; afterMs: number }
  | { kind: 'unanswered'; detail: string; afterMs: number }
) & {
  /** The file that was chosen for the answer, when none is in it: choosing it has emptied it. */
  emptyFile?: string;
};

export interface RunOrder {
  pluginId: string;
  capability: PluginCapability;
  /** JSON; of no interest when the payload is bytes. */
  payload: string;
  /** The payload when it is bytes. */
  file: File | undefined;
  /** The answer is asked for in parts. */
  streams: boolean;
  into: FileToWrite | undefined;
  timeoutSecs: number;
  /** On the clock of `performance.now()`. */
  startedAt: number;
  signal: AbortSignal;
  openStream: (json: string, options: StreamOptions) => ChunkSource;
  onStream: (stream: StreamRun) => void;
  onProgress: (progress: Progress) => void;
}

/** Runs a capability over the way that suits what it takes and gives. Never rejects. */
export async function carryOut(order: RunOrder): Promise<Outcome> {
  const { capability, streams, signal, startedAt, payload } = order;
  const { input_type: inputType, output_type: outputType, chunk_type: chunkType } = capability;
  const elapsedMs = () => performance.now() - startedAt;
  try {
    if (order.into) return await save(order, order.into, elapsedMs);
    if (streams) return await stream(order, elapsedMs);
    if (inputType !== undefined || outputType !== undefined || chunkType !== undefined) {
      const reply = await exchange(invokePath(order.pluginId, capability.id), {
        ...bodyOf(order),
        signal,
        timeoutMs: patienceMs(order.timeoutSecs),
        onProgress: order.onProgress,
      });
      return { kind: 'result', result: await resultOfBytes(reply, elapsedMs()), payload };
    }
    const result = await invoke(order.pluginId, capability.id, payload, {
      timeoutSecs: order.timeoutSecs,
      signal,
    });
    return { kind: 'result', result, payload };
  } catch (error) {
    return {
      ...outcomeOfError(error, order, elapsedMs()),
      ...(order.into && { emptyFile: order.into.name }),
    };
  }
}

function outcomeOfError(error: unknown, { signal, payload }: RunOrder, afterMs: number): Outcome {
  if (error instanceof TooLargeToKeepError) return { kind: 'too-large', afterMs };
  if (signal.aborted) return { kind: 'cancelled', afterMs };
  if (error instanceof NotSentError) return { kind: 'not-sent', detail: error.message, afterMs };
  // Not sent at all, or answered with a failure.
  if (error instanceof BkgError || error instanceof ProblemError)
    return { kind: 'result', result: resultOfProblem(error.problem, afterMs, undefined), payload };
  return { kind: 'unanswered', detail: problemOfError(error).detail, afterMs };
}

async function stream(order: RunOrder, elapsedMs: () => number): Promise<Outcome> {
  const { pluginId, capability, payload, timeoutSecs, signal } = order;
  const source =
    capability.input_type === undefined
      ? order.openStream(payload, { timeoutMs: timeoutSecs * 1_000, maxAttempts: 1 })
      : streamEvents(invokePath(pluginId, capability.id), {
          ...bodyOf(order),
          timeoutMs: patienceMs(timeoutSecs),
        });
  const run = new StreamRun(source, order.startedAt);
  const cancel = () => run.cancel();
  signal.addEventListener('abort', cancel);
  order.onStream(run);
  const end = await run.take();
  signal.removeEventListener('abort', cancel);
  if (run.chunks.count > 0 || end.kind === 'done') return { kind: 'stream', run };
  // Without a chunk it is a failure like any other.
  if (end.kind === 'cancelled') return { kind: 'cancelled', afterMs: elapsedMs() };
  if (end.problem.code === 'NO_ANSWER')
    return { kind: 'unanswered', detail: end.problem.detail, afterMs: elapsedMs() };
  return {
    kind: 'result',
    result: resultOfProblem(end.problem, elapsedMs(), run.invocationId),
    payload,
  };
}

async function save(order: RunOrder, into: FileToWrite, elapsedMs: () => number): Promise<Outcome> {
  const bytes = await saveAnswer(invokePath(order.pluginId, order.capability.id), into, {
    ...bodyOf(order),
    signal: order.signal,
    timeoutMs: patienceMs(order.timeoutSecs),
    onBytes: (done) => order.onProgress({ phase: 'down', bytes: done, totalBytes: undefined }),
  });
  return { kind: 'saved', name: into.name, bytes, durationMs: elapsedMs() };
}

function bodyOf({ capability, file, payload }: RunOrder): { body: Blob | string; contentType: string } {
  const { input_type: range } = capability;
  if (range === undefined) return { body: payload, contentType: 'application/json' };
  if (!file) throw new BkgError('INVALID_PAYLOAD', 'No file was chosen.');
  return { body: file, contentType: typeOfFile(file.type, range) ?? file.type };
}
