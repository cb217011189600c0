import { isBytes } from './bytes.ts';
import type { Shape } from './bytes.ts';
import type { MessageHeaders } from './message-headers.ts';
import { bytesContentType, isContentType, isInRange, isJsonContentType } from './protocol/content-type.ts';
import { BkgError } from './protocol/errors.ts';
import { headerNames } from './protocol/headers.ts';
import { isSubjectToken } from './protocol/names.ts';
import { readUploadSize, readWindow, windowMost } from './protocol/stream.ts';

/** What the headers say of an upload. */
export interface UploadHeaders {
  /** Undefined: its sender does not know. */
  sizeBytes: number | undefined;
  /** Where the sender takes credit. */
  flow: string;
}

/** A subject to publish to, of at most 255 characters: it comes in a header, which may be any text. */
const flowPattern = /^(?=.{1,255}$)[^\s\p{Cc}.*>]+(?:\.[^\s\p{Cc}.*>]+)+$/u;

/** @throws BkgError INVALID_PAYLOAD for a header of an invocation that cannot be */
export function assertHeaders(headers: MessageHeaders): void {
  const invocationId = headers.get(headerNames.invocationId);
  if (invocationId && !isSubjectToken(invocationId)) {
    throw invalidHeader(
      headerNames.invocationId,
      invocationId,
      'up to 128 characters of A-Z, a-z, 0-9, "_" and "-"',
    );
  }
  const timeoutMs = headers.get(headerNames.timeoutMs);
  if (timeoutMs && !/^\d{1,9}$/.test(timeoutMs)) {
    throw invalidHeader(headerNames.timeoutMs, timeoutMs, 'whole milliseconds');
  }
}

/**
 * The content type of the payload, which is one that the input takes.
 * @param input undefined for the envelope, which is JSON
 * @throws BkgError INVALID_PAYLOAD
 */
export function contentTypeOf(headers: MessageHeaders, input: Shape | undefined): string {
  const given = headers.get(headerNames.contentType);
  if (isBytes(input)) {
    const contentType = given || bytesContentType;
    if (isContentType(contentType) && isInRange(contentType, input.contentType)) return contentType;
    throw wrongContentType(contentType, input.contentType);
  }
  if (isJsonContentType(given)) return given ?? '';
  throw wrongContentType(given ?? '', 'application/json');
}

/** How many chunks the caller takes; undefined when it wants the answer in one. @throws BkgError INVALID_PAYLOAD */
export function streamWindowOf(headers: MessageHeaders): number | undefined {
  const text = headers.get(headerNames.stream);
  if (!text) return undefined;
  const window = readWindow(text);
  if (window !== undefined) return window;
  throw invalidHeader(headerNames.stream, text, `the number of chunks that you take, 1 to ${windowMost}`);
}

/** Undefined when the payload is the body. @throws BkgError INVALID_PAYLOAD */
export function uploadHeadersOf(headers: MessageHeaders, bodyBytes: number): UploadHeaders | undefined {
  const text = headers.get(headerNames.upload);
  if (!text) return undefined;
  const size = readUploadSize(text);
  if (size === undefined)
    throw invalidHeader(headerNames.upload, text, 'how many bytes will come, or "-" when you do not know');
  const flow = headers.get(headerNames.flow);
  if (!flow) {
    throw new BkgError(
      'INVALID_PAYLOAD',
      `${headerNames.upload} came without ${headerNames.flow}: name a subject of your inbox, on which you take credit.`,
    );
  }
  if (!flowPattern.test(flow)) throw invalidHeader(headerNames.flow, flow, 'a subject of your inbox');
  if (bodyBytes > 0) {
    throw new BkgError(
      'INVALID_PAYLOAD',
      `A request with ${headerNames.upload} has an empty body, ${bodyBytes} bytes were given: send them as chunks.`,
    );
  }
  return { sizeBytes: size === 'unknown' ? undefined : size, flow };
}

function wrongContentType(given: string, allowed: string): BkgError {
  return new BkgError(
    'INVALID_PAYLOAD',
    `The content type ${given.slice(0, 255)} was given; allowed is ${allowed}.`,
  );
}

function invalidHeader(name: string, given: string, allowed: string): BkgError {
  return new BkgError(
    'INVALID_PAYLOAD',
    `The header ${name} is "${given.slice(0, 128)}"; it takes ${allowed}.`,
  );
}
