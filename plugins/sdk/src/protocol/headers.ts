/** Names of the message headers. NATS header names are case-sensitive. */
export const headerNames = {
  invocationId: 'Bkg-Invocation-Id',
  timeoutMs: 'Bkg-Timeout-Ms',
  contentType: 'Content-Type',
  traceparent: 'traceparent',
  tracestate: 'tracestate',
  /** On a request: how many chunks of a streaming reply its sender takes before it gives more credit. */
  stream: 'Bkg-Stream',
  /** On a request whose body follows as chunks: how many bytes there will be, or `-`. */
  upload: 'Bkg-Upload',
  /** On the same: the subject on which its sender takes credit. */
  flow: 'Bkg-Flow',
  /** On a chunk: its number, from 0. */
  seq: 'Bkg-Seq',
  /** On the last one: how many there were, itself included. */
  end: 'Bkg-End',
  /** On a reply `BUSY`: the instance that has no place, so that another one can be tried. */
  instance: 'Bkg-Instance',
  /** On an order that a gateway passes on: the address of who has given it. */
  from: 'Bkg-From',
  /** On the same: `1` when the key is an admin's. */
  admin: 'Bkg-Admin',
  /** ADR-32: one line of ASCII on a failed reply. */
  error: 'Nats-Service-Error',
  /** ADR-32: the number of the error table on a failed reply. */
  errorCode: 'Nats-Service-Error-Code',
  /** On a failed reply: whole seconds. */
  retryAfter: 'Retry-After',
} as const;

/** The most of `Bkg-Timeout-Ms`: it has nine digits. */
export const timeoutMostMs = 999_999_999;

/**
 * How much longer than `Bkg-Timeout-Ms` a caller waits. The plugin keeps the deadline itself and has the better answer:
 * it knows whether the handler has begun, and says so with a problem of its own.
 */
export const answerGraceMs = 500;
