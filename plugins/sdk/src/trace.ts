/** W3C trace context: passed on, and shown in logs. */

const pattern = /^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/;

/** The trace id in a `traceparent` header; undefined when the header is absent, of another version, or all zeros. */
export function traceIdOf(traceparent: string | undefined): string | undefined {
  const [, traceId, spanId] = pattern.exec(traceparent ?? '') ?? [];
  if (!traceId || !spanId || /^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return traceId;
}
