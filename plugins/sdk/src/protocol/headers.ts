/** Names of the message headers. NATS header names are case-sensitive. */
export const headerNames = {
  invocationId: 'Bkg-Invocation-Id',
  timeoutMs: 'Bkg-Timeout-Ms',
  contentType: 'Content-Type',
  traceparent: 'traceparent',
  tracestate: 'tracestate',
  /** On an order that a gateway passes on: the address of who has given it. */
  from: 'Bkg-From',
  /** On the same: `1` when the key is an admin's. */
  admin: 'Bkg-Admin',
  /** ADR-32: one line of ASCII on a failed reply. */
  error: 'Nats-Service-Error',
  /** ADR-32: the number of the error table on a failed reply. */
  errorCode: 'Nats-Service-Error-Code',
} as const;

/** The most of `Bkg-Timeout-Ms`: it has nine digits. */
export const timeoutMostMs = 999_999_999;

/**
 * How much longer than `Bkg-Timeout-Ms` a caller waits. The plugin keeps the deadline itself and has the better answer:
 * it knows whether the handler has begun, and says so with a problem of its own.
 */
export const answerGraceMs = 500;

export const jsonContentType = 'application/json';
export const problemContentType = 'application/problem+json';

/** True for `application/json` with or without parameters; an absent type means JSON. */
export function isJsonContentType(contentType: string | undefined): boolean {
  if (!contentType) return true;
  return contentType.split(';', 1)[0]?.trim().toLowerCase() === jsonContentType;
}
