import type { IncomingHttpHeaders } from 'node:http';
import { BkgError, headerNames, isSubjectToken, randomHex, timeoutMostMs } from '@bkg/sdk';

/** What a caller says about an invocation in its headers, completed by what it leaves out. */
export interface CallHeaders {
  invocationId: string;
  /** Whether the caller has chosen the id: then it may send it again. */
  isIdChosen: boolean;
  /** Undefined: as long as the plugin's configuration allows. */
  timeoutMs: number | undefined;
  traceparent: string;
  tracestate: string | undefined;
}

/** What an invocation id may be, in words. */
export const invocationIdForm =
  '1 to 128 characters of A-Z, a-z, 0-9, "_" and "-", best 32 random hexadecimal digits';

const traceparentPattern = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
const tracestatePattern = /^[\x20-\x7e]{1,512}$/;

/** @throws BkgError INVALID_PAYLOAD */
export function readCallHeaders(headers: IncomingHttpHeaders): CallHeaders {
  const invocationId = one(headers, 'bkg-invocation-id');
  if (invocationId !== undefined && !isSubjectToken(invocationId)) {
    throw invalid(headerNames.invocationId, invocationId, invocationIdForm);
  }
  const timeout = one(headers, 'bkg-timeout-ms');
  if (timeout !== undefined && !/^0{0,8}[1-9]\d{0,8}$/.test(timeout)) {
    throw invalid(
      headerNames.timeoutMs,
      timeout,
      `a whole number of milliseconds from 1 to ${timeoutMostMs}`,
    );
  }
  return completeCall({
    invocationId,
    timeoutMs: timeout === undefined ? undefined : Number(timeout),
    traceparent: one(headers, 'traceparent'),
    tracestate: one(headers, 'tracestate'),
  });
}

/** Makes the ids that a caller leaves out; a trace context that is none counts as left out. */
export function completeCall(given: {
  [Name in Exclude<keyof CallHeaders, 'isIdChosen'>]: CallHeaders[Name] | undefined;
}): CallHeaders {
  const { invocationId, timeoutMs, traceparent } = given;
  const traced = traceparent !== undefined && traceparentPattern.test(traceparent);
  // 16 bytes for the invocation, 16 for the trace, 8 for the span.
  const random = invocationId !== undefined && traced ? '' : randomHex(40);
  const tracestate = traced ? given.tracestate : undefined;
  return {
    invocationId: invocationId ?? random.slice(0, 32),
    isIdChosen: invocationId !== undefined,
    timeoutMs,
    // Not sampled, because nobody has recorded this span.
    traceparent: traced ? traceparent : `00-${random.slice(32, 64)}-${random.slice(64)}-00`,
    tracestate: tracestate !== undefined && tracestatePattern.test(tracestate) ? tracestate : undefined,
  };
}

function one(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(',') : value;
}

function invalid(name: string, given: string, allowed: string): BkgError {
  return new BkgError(
    'INVALID_PAYLOAD',
    `The header ${name} is "${given.slice(0, 128)}"; it takes ${allowed}.`,
  );
}
