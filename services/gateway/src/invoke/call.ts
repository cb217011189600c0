import { headerNames } from '@bkg/sdk';
import type { UploadSource } from '@bkg/sdk';
import type { Charge, LimitedCaller } from '../limits/rate-limits.ts';
import type { CallHeaders } from './call-headers.ts';

/** One invocation as a client asks for it. */
export interface Call extends CallHeaders {
  pluginId: string;
  capability: string;
  body: Uint8Array;
  /** As it was given; undefined when nothing was, and there is no body. */
  contentType: string | undefined;
  /** In the place of `body`, which is empty then: it follows as chunks, when an instance asks for them. */
  upload?: UploadSource | undefined;
  /** Who invokes; undefined where nobody is asked who they are. */
  caller?: LimitedCaller | undefined;
  /** Whether the caller may see more of the plugin than what it invokes. */
  mayRead: boolean;
  /** Hears what limits it, whether it is let through or not, before its answer. Not of one that nothing limits. */
  onCharge?: (charge: Charge) => void;
}

/** Of its request, with so much time left. @param contentType undefined where it goes without saying */
export function requestHeaders(
  call: Call,
  contentType: string | undefined,
  timeoutMs: number,
): Record<string, string | undefined> {
  return {
    [headerNames.invocationId]: call.invocationId,
    [headerNames.timeoutMs]: String(timeoutMs),
    [headerNames.traceparent]: call.traceparent,
    [headerNames.tracestate]: call.tracestate,
    [headerNames.contentType]: contentType,
  };
}
