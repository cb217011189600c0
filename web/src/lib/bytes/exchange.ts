import { refusals } from '../access/refusals.ts';
import { UnreachableError } from '../request.ts';

/** More of an answer is not kept in the page. */
export const keptMostBytes = 64 * 1024 * 1024;

export interface Progress {
  phase: 'up' | 'down';
  bytes: number;
  /** Undefined when nobody has said it. */
  totalBytes: number | undefined;
}

export interface ExchangeOptions {
  body: Blob | string;
  contentType: string;
  signal: AbortSignal;
  /** From sending to the last byte of the answer. */
  timeoutMs: number;
  onProgress: (progress: Progress) => void;
}

export interface BytesReply {
  ok: boolean;
  status: number;
  contentType: string;
  body: Blob;
  invocationId: string | undefined;
}

/** There is more of the answer than the page keeps; the invocation was cancelled. */
export class TooLargeToKeepError extends Error {
  override name = 'TooLargeToKeepError';
}

/**
 * One POST of bytes or JSON whose answer may be bytes. By XMLHttpRequest, because `fetch` tells nothing of how far an upload
 * has come; the browser keeps the answer, on disk when it is large.
 * @throws UnreachableError when no complete answer arrives in time; TooLargeToKeepError; the signal's reason when it aborts
 */
export function exchange(path: string, options: ExchangeOptions): Promise<BytesReply> {
  const { body, contentType, signal, timeoutMs, onProgress } = options;
  return new Promise((resolve, reject) => {
    const http = new XMLHttpRequest();
    http.open('POST', path);
    http.responseType = 'blob';
    http.timeout = timeoutMs;
    http.setRequestHeader('content-type', contentType);
    const abort = () => http.abort();
    const end = (then: () => void) => {
      signal.removeEventListener('abort', abort);
      then();
    };
    const fail = (why: string) => end(() => reject(new UnreachableError(why)));
    let isTooLarge = false;
    const look = (bytes: number) => {
      if (bytes <= keptMostBytes || isTooLarge) return;
      isTooLarge = true;
      http.abort();
    };
    const tell = (phase: Progress['phase']) => (event: ProgressEvent) => {
      if (phase === 'down') look(Math.max(event.loaded, event.lengthComputable ? event.total : 0));
      onProgress({
        phase,
        bytes: event.loaded,
        totalBytes: event.lengthComputable ? event.total : undefined,
      });
    };
    http.upload.onprogress = tell('up');
    http.onprogress = tell('down');
    http.onload = () =>
      end(() => {
        const { status } = http;
        refusals.look(path, { status });
        resolve({
          ok: status >= 200 && status < 300,
          status,
          contentType: http.getResponseHeader('content-type') ?? '',
          body: http.response as Blob,
          invocationId: http.getResponseHeader('bkg-invocation-id') ?? undefined,
        });
      });
    http.onabort = () => end(() => reject(isTooLarge ? new TooLargeToKeepError() : (signal.reason as Error)));
    http.ontimeout = () => fail(`The gateway did not answer within ${timeoutMs / 1_000} s.`);
    // When it fails, its status is 0 again.
    let hasBegun = false;
    http.onreadystatechange = () => (hasBegun ||= http.status > 0);
    http.onerror = () =>
      fail(hasBegun ? 'The answer ended in the middle.' : 'The gateway cannot be reached.');
    signal.addEventListener('abort', abort);
    if (signal.aborted) return void end(() => reject(signal.reason as Error));
    http.send(body);
  });
}
