import { isRecord } from '@bkg/sdk/protocol';
import { refusals } from '../access/refusals.ts';
import { problemOfReply, ProblemError, UnreachableError } from '../request.ts';
import type { ChunkSource } from './stream-run.svelte.ts';

export interface EventStreamOptions {
  body: Blob | string;
  contentType: string;
  /** Until the last byte of the answer. */
  timeoutMs: number;
}

/**
 * Bytes up and chunks of JSON down, over HTTP: a socket takes no bytes. What is not read yet waits in the connection, so that
 * a slow reader slows the plugin.
 */
export function streamEvents(
  path: string,
  { body, contentType, timeoutMs }: EventStreamOptions,
): ChunkSource {
  const controller = new AbortController();
  const output = Promise.withResolvers<string>();
  // Whoever reads the chunks is told; who does not ask for the output as well must not be.
  output.promise.catch(() => undefined);
  const source = {
    invocationId: undefined as string | undefined,
    output: output.promise,
    cancel: () => controller.abort(),
    async *[Symbol.asyncIterator]() {
      const deadline = AbortSignal.timeout(timeoutMs);
      const failureOf = (error: unknown) =>
        error instanceof ProblemError || error instanceof UnreachableError || controller.signal.aborted
          ? error
          : new UnreachableError(
              deadline.aborted
                ? `The gateway did not answer within ${timeoutMs / 1_000} s.`
                : 'The gateway cannot be reached, or the answer ended in the middle.',
            );
      try {
        const answer = await fetch(path, {
          method: 'POST',
          body,
          headers: { 'content-type': contentType, accept: 'text/event-stream' },
          signal: AbortSignal.any([controller.signal, deadline]),
          cache: 'no-store',
        });
        source.invocationId = answer.headers.get('bkg-invocation-id') ?? undefined;
        refusals.look(path, answer);
        yield* chunksOf(answer, {
          onOutput: output.resolve,
          onBroken: (error) => output.reject(failureOf(error)),
        });
      } catch (error) {
        const failure = failureOf(error);
        output.reject(failure);
        throw failure;
      } finally {
        controller.abort();
      }
    },
  };
  return source;
}

async function* chunksOf(
  answer: Response,
  { onOutput, onBroken }: { onOutput: (json: string) => void; onBroken: (error: unknown) => void },
): AsyncGenerator<string, void, void> {
  const contentType = answer.headers.get('content-type') ?? '';
  if (!answer.ok || !answer.body)
    throw new ProblemError(problemOfReply({ status: answer.status, contentType, text: await answer.text() }));
  // It does not stream, or not now: the whole answer.
  if (!contentType.startsWith('text/event-stream')) return onOutput(await answer.text());
  for await (const { event, data } of readEvents(answer.body, onBroken)) {
    if (event === 'chunk') yield data;
    else if (event === 'result') return onOutput(data);
    else if (event === 'error') throw new ProblemError(problemOfEvent(data));
  }
  throw new UnreachableError('The answer ended in the middle.');
}

function problemOfEvent(data: string): ProblemError['problem'] {
  const value = JSON.parse(data) as unknown;
  const status = isRecord(value) && typeof value['status'] === 'number' ? value['status'] : 500;
  return problemOfReply({ status, contentType: 'application/json', text: data });
}

export interface ServerEvent {
  event: string;
  data: string;
}

/**
 * The events of a stream of server-sent events, as they come. What stands after the last empty line is none.
 * @param onBroken is told at once when the body breaks off, also while nobody asks for the next event
 */
export async function* readEvents(
  body: ReadableStream<Uint8Array>,
  onBroken: (error: unknown) => void = () => undefined,
): AsyncGenerator<ServerEvent, void, void> {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  reader.closed.catch(onBroken);
  let rest = '';
  let event = '';
  let data: string[] = [];
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (rest + decoder.decode(value, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines.map((one) => one.replace(/\r$/, ''))) {
        if (line === '' && data.length > 0) yield { event: event || 'message', data: data.join('\n') };
        if (line === '') [event, data] = ['', []];
        else if (line.startsWith('event:')) event = line.slice(6).trim();
        else if (line.startsWith('data:')) data.push(line.slice(5).replace(/^ /, ''));
      }
    }
  } finally {
    // Nobody reads on: the connection, and with it the invocation, ends.
    await reader.cancel().catch(() => undefined);
  }
}
