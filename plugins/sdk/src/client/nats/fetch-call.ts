import { Readable } from 'node:stream';
import type { StreamCall } from '../../broker-stream.ts';
import { bytesContentType, isContentType, jsonContentType } from '../../protocol/content-type.ts';
import { pieceOf } from '../../stream/body.ts';
import type { UploadSource } from '../../stream/upload.ts';
import type { InvokeOptions, StreamOptions } from '../client.ts';
import { failure } from '../failure.ts';

/** What is sent, and how the answer is taken. */
export interface FetchOptions extends StreamOptions {
  /**
   * The payload. Pieces, and what is larger than a message, are sent as they are asked for, to a capability that takes
   * uploads; that is never tried again. @default '{}'
   */
  body?: Uint8Array | string | AsyncIterable<Uint8Array>;
  /** @default application/json for a text, application/octet-stream for bytes */
  contentType?: string;
  /** Of a body in pieces, when it is known before: the plugin refuses early what is too much, and what is not as many bytes. */
  sizeBytes?: number;
}

/**
 * @param mostBytes larger payloads are sent in pieces
 * @throws InvalidPayloadError
 */
export function fetchCall(
  plugin: string,
  capability: string,
  { body = '{}', contentType, sizeBytes, window: _, ...options }: FetchOptions,
  mostBytes: number,
): StreamCall {
  const type = contentType ?? (typeof body === 'string' ? jsonContentType : bytesContentType);
  if (!isContentType(type)) {
    throw failure(
      'INVALID_PAYLOAD',
      `The content type is "${type.slice(0, 255)}"; give one such as image/png.`,
    );
  }
  const { data, upload } = payloadOf(body, sizeBytes, mostBytes);
  const once: InvokeOptions = upload ? { ...options, idempotent: false, maxAttempts: 1 } : options;
  return { plugin, capability, data, contentType: type, options: once, ...(upload && { upload }) };
}

function payloadOf(
  body: Uint8Array | string | AsyncIterable<Uint8Array>,
  sizeBytes: number | undefined,
  mostBytes: number,
): { data: Uint8Array; upload?: UploadSource } {
  const none = new Uint8Array(0);
  if (typeof body !== 'string' && !(body instanceof Uint8Array)) {
    assertSize(sizeBytes);
    return { data: none, upload: uploadOf(body, sizeBytes) };
  }
  const data = typeof body === 'string' ? Buffer.from(body) : body;
  if (data.length <= mostBytes) return { data };
  return { data: none, upload: { body: pieceOf(data), sizeBytes: data.length } };
}

function uploadOf(body: AsyncIterable<Uint8Array>, sizeBytes: number | undefined): UploadSource {
  if (!(body instanceof Readable)) return { body, sizeBytes };
  // It may fail before anybody reads it; whoever does is told then.
  body.on('error', () => undefined);
  return { body, sizeBytes, discard: () => body.destroy() };
}

function assertSize(sizeBytes: number | undefined): void {
  if (sizeBytes === undefined || (Number.isSafeInteger(sizeBytes) && sizeBytes >= 0)) return;
  throw failure('INVALID_PAYLOAD', `sizeBytes is ${sizeBytes}; it takes a whole number of bytes from 0.`);
}
