import type { FastifyRequest } from 'fastify';
import { BkgError, jsonContentType } from '@bkg/sdk';

/** Whether a content type can be in a header of NATS and of HTTP. */
export function isHeaderText(text: string): boolean {
  return /^[\x20-\x7e]{1,255}$/.test(text);
}

/** @param body undefined: it is there, and follows. @throws BkgError when there is a body and nothing says what it is */
export function contentTypeOf({ headers }: FastifyRequest, body: Buffer | undefined): string | undefined {
  const contentType = headers['content-type'];
  if (contentType === undefined && body?.length !== 0) {
    throw new BkgError(
      'INVALID_PAYLOAD',
      `The body has no Content-Type; say what it is, for JSON with "Content-Type: ${jsonContentType}".`,
    );
  }
  if (contentType !== undefined && !isHeaderText(contentType)) {
    throw new BkgError('INVALID_PAYLOAD', 'The Content-Type takes up to 255 characters of ASCII.');
  }
  return contentType;
}

/** The plugin would get the compressed bytes and no word of it. @throws BkgError INVALID_PAYLOAD */
export function assertPlain({ headers }: FastifyRequest): void {
  const encoding = headers['content-encoding'];
  if (encoding === undefined || encoding === 'identity') return;
  throw new BkgError(
    'INVALID_PAYLOAD',
    `The body is encoded with "${encoding.slice(0, 64)}"; send it as it is.`,
  );
}
