import type { Msg, Payload } from '@nats-io/nats-core';
import type { BrokerAttempt } from './broker-calls.ts';
import { callHeaders } from './call-headers.ts';
import { ConnectionLostError } from './client/errors.ts';
import { late } from './client/invoke.ts';
import type { Target } from './client/invoke.ts';
import type { Connection } from './connection.ts';
import type { HeaderValues } from './outgoing.ts';
import { BkgError, errorEntryOf } from './protocol/errors.ts';
import { answerGraceMs, headerNames } from './protocol/headers.ts';
import { windowDefault } from './protocol/stream.ts';
import { subjects } from './protocol/subjects.ts';
import { RunningCall } from './running-call.ts';
import type { Chunk } from './stream/chunk-reader.ts';
import type { ReplyStream } from './stream/reply-stream.ts';
import { StreamCutError } from './stream/stream-cut.ts';
import { Upload } from './stream/upload.ts';
import type { UploadSource } from './stream/upload.ts';

export interface StreamCall extends Target {
  /** The payload; empty when it is sent as chunks. */
  data: Payload;
  /** @default JSON */
  contentType?: string;
  upload?: UploadSource;
}

export interface StreamAttempt extends BrokerAttempt {
  /** Chunks that may be under way and wait here at most. @default as many as 512 KiB hold, 32 at first */
  window?: number | undefined;
  /** Chunks that may come before the first has shown how large they are. @default windowDefault */
  firstWindow?: number;
}

export interface Followed {
  /** To be called before it is sent. @returns ends it */
  follow: (running: RunningCall, controller: AbortController) => () => void;
  /** Tells who has it to give it up. */
  cancel: () => void;
}

/**
 * One try of an invocation whose answer may come in chunks. It ends with its last reply, which may be a failure, or with an
 * error: that of its reader, its deadline, its instance, the broker, its payload. Who has it is told of every end before the last reply.
 */
export class BrokerStream implements AsyncIterable<Chunk> {
  /** The first message, a chunk or the last reply; it is read as any other. @throws what `last` throws */
  readonly first: Promise<Msg>;
  /** The reply that ends it: look with `problemOfMsg`. @throws BkgError; what the payload's source threw */
  readonly last: Promise<Msg>;
  readonly #reply: ReplyStream;
  readonly #call: StreamCall;
  readonly #attempt: StreamAttempt;

  /** @throws BkgError when it cannot be sent now */
  constructor(
    connection: Connection,
    call: StreamCall,
    attempt: StreamAttempt,
    { follow, cancel }: Followed,
  ) {
    this.#call = call;
    this.#attempt = attempt;
    const { plugin, capability, contentType, options } = call;
    const { invocationId, timeoutMs, window, firstWindow = windowDefault } = attempt;
    const controller = new AbortController();
    const upload =
      call.upload && new Upload(plugin, connection, call.upload, (error) => controller.abort(error));
    const headers = (leftMs: number): HeaderValues => ({
      ...callHeaders(invocationId, leftMs, options),
      [headerNames.contentType]: contentType,
      ...upload?.headers,
    });
    const isIdempotent = (): boolean => this.#mayRepeat();
    const running = new RunningCall({
      plugin,
      invocationId,
      deadlineAt: performance.now() + timeoutMs,
      controller,
      isIdempotent,
      mayResend: (loss) => isIdempotent() && (attempt.mayResend?.(loss) ?? true),
      headers,
    });
    const leave = follow(running, controller);
    const end = (): void => {
      leave();
      upload?.close();
    };
    try {
      this.#reply = connection.requestStream(subjects.invokeCapability(plugin, capability), call.data, {
        plugin,
        timeoutMs: timeoutMs + answerGraceMs,
        headers: headers(timeoutMs),
        onSend: running.onSend,
        onEnd: end,
        window: Math.min(window ?? firstWindow, firstWindow),
        ...(window !== undefined && { chunksMost: window }),
      });
    } catch (error) {
      end();
      throw error;
    }
    controller.signal.addEventListener('abort', () => this.#reply.fail(controller.signal.reason));
    this.last = this.#reply.last.catch((error: unknown) => {
      if (mayBeAtWork(error)) cancel();
      throw this.#explain(running.explain(error));
    });
    this.first = this.#reply.first.catch(() => this.last);
    // Who reads sees it there.
    for (const promise of [this.first, this.last]) promise.catch(() => undefined);
  }

  /** Gives up: who reads gets what has come, and then this error. */
  fail(error: Error): void {
    this.#reply.fail(error);
  }

  /** Throws what `last` throws. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Chunk, void, void> {
    try {
      yield* this.#reply;
    } catch {
      await this.last;
    }
  }

  /** The first chunk decides: then it is not sent again. */
  #mayRepeat(): boolean {
    const { upload, options } = this.#call;
    return !upload && !this.#reply.hasBegun && (options.idempotent ?? false);
  }

  #explain(error: unknown): unknown {
    if (!(error instanceof BkgError)) return error;
    if (error instanceof StreamCutError) return new ConnectionLostError(error.problem.detail);
    return error.code === 'DEADLINE_EXCEEDED' ? late(this.#call, this.#attempt) : error;
  }
}

/** Whether somebody may be at work, because of what it ended with. */
function mayBeAtWork(error: unknown): boolean {
  return !(error instanceof BkgError) || errorEntryOf(error.code)?.executed !== 'no';
}
