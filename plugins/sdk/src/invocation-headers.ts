import type { Msg } from '@nats-io/nats-core';
import { BkgError } from './protocol/errors.ts';
import { headerNames } from './protocol/headers.ts';
import { isJsonContentType } from './protocol/content-type.ts';
import { isSubjectToken } from './protocol/names.ts';

/** @throws BkgError INVALID_PAYLOAD for a header of an invocation that cannot be */
export function assertHeaders(msg: Msg): void {
  const contentType = msg.headers?.get(headerNames.contentType);
  if (!isJsonContentType(contentType)) {
    throw new BkgError(
      'INVALID_PAYLOAD',
      `The content type ${contentType} was given; allowed is application/json.`,
    );
  }
  const invocationId = msg.headers?.get(headerNames.invocationId);
  if (invocationId && !isSubjectToken(invocationId)) {
    throw invalidHeader(
      headerNames.invocationId,
      invocationId,
      'up to 128 characters of A-Z, a-z, 0-9, "_" and "-"',
    );
  }
  const timeoutMs = msg.headers?.get(headerNames.timeoutMs);
  if (timeoutMs && !/^\d{1,9}$/.test(timeoutMs)) {
    throw invalidHeader(headerNames.timeoutMs, timeoutMs, 'whole milliseconds');
  }
}

function invalidHeader(name: string, given: string, allowed: string): BkgError {
  return new BkgError(
    'INVALID_PAYLOAD',
    `The header ${name} is "${given.slice(0, 128)}"; it takes ${allowed}.`,
  );
}
