import type { Problem } from '@bkg/sdk/protocol';
import type { CallOptions } from './plugins.ts';
import { problemOfReply, request } from './request.ts';

/** The plugin's own deadline comes first; this is for the case that nobody keeps it. */
const graceMs = 5_000;

export interface InvocationResult {
  status: number;
  durationMs: number;
  /** Of the body as it arrived. */
  bytes: number;
  text: string;
  contentType: string;
  invocationId?: string;
  /** Set when the invocation failed. */
  problem?: Problem;
}

/** Sends `payload` exactly as typed: numbers of any size reach the plugin digit by digit. */
export async function invoke(
  pluginId: string,
  capability: string,
  payload: string,
  options: CallOptions & { timeoutSecs: number },
): Promise<InvocationResult> {
  const { timeoutSecs, ...rest } = options;
  const path = `/api/plugins/${encodeURIComponent(pluginId)}/invoke/${encodeURIComponent(capability)}`;
  const startedAt = performance.now();
  const reply = await request(path, {
    ...rest,
    method: 'POST',
    body: payload,
    timeoutMs: timeoutSecs * 1_000 + graceMs,
  });
  const invocationId = reply.headers.get('bkg-invocation-id') ?? undefined;
  return {
    status: reply.status,
    durationMs: performance.now() - startedAt,
    bytes: new TextEncoder().encode(reply.text).length,
    text: reply.text,
    contentType: reply.contentType,
    ...(invocationId && { invocationId }),
    ...(!reply.ok && { problem: problemOfReply(reply) }),
  };
}
