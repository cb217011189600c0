import type { InvokeOptions } from './client/client.ts';
import type { HeaderValues } from './outgoing.ts';
import { headerNames } from './protocol/headers.ts';

/** The headers of an invocation, with so much time left. */
export function callHeaders(
  invocationId: string,
  timeoutMs: number,
  { traceparent, tracestate }: Pick<InvokeOptions, 'traceparent' | 'tracestate'>,
): HeaderValues {
  return {
    [headerNames.invocationId]: invocationId,
    [headerNames.timeoutMs]: String(timeoutMs),
    [headerNames.traceparent]: traceparent,
    [headerNames.tracestate]: tracestate,
  };
}
