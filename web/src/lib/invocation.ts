import type { Problem } from '@bkg/sdk/protocol';
import { showingOf } from './bytes/content-types.ts';
import type { BytesReply } from './bytes/exchange.ts';
import type { CallOptions } from './plugins.ts';
import { problemOfReply, request } from './request.ts';
import { utf8Length } from './utf8-length.ts';

/** The plugin's own deadline comes first; this is for the case that nobody keeps it. */
const graceMs = 5_000;
/** More is not read into the page as text. */
const textMostBytes = 8 * 1024 * 1024;

export interface InvocationResult {
  status: number;
  durationMs: number;
  /** Of the body as it arrived. */
  bytes: number;
  /** '' when it is bytes. */
  text: string;
  contentType: string;
  invocationId?: string;
  /** Set when the invocation failed. */
  problem?: Problem;
  /** The answer when it is bytes. */
  body?: Blob;
}

export function invokePath(pluginId: string, capability: string): string {
  return `/api/plugins/${encodeURIComponent(pluginId)}/invoke/${encodeURIComponent(capability)}`;
}

/** How long the page waits for a plugin that has `timeoutSecs`. */
export function patienceMs(timeoutSecs: number): number {
  return timeoutSecs * 1_000 + graceMs;
}

/** Sends `payload` exactly as typed: numbers of any size reach the plugin digit by digit. */
export async function invoke(
  pluginId: string,
  capability: string,
  payload: string,
  options: CallOptions & { timeoutSecs: number },
): Promise<InvocationResult> {
  const { timeoutSecs, ...rest } = options;
  const startedAt = performance.now();
  const reply = await request(invokePath(pluginId, capability), {
    ...rest,
    method: 'POST',
    body: payload,
    timeoutMs: patienceMs(timeoutSecs),
  });
  const invocationId = reply.headers.get('bkg-invocation-id') ?? undefined;
  return {
    status: reply.status,
    durationMs: performance.now() - startedAt,
    bytes: utf8Length(reply.text),
    text: reply.text,
    contentType: reply.contentType,
    ...(invocationId && { invocationId }),
    ...(!reply.ok && { problem: problemOfReply(reply) }),
  };
}

/** The result that an answer is whose body may be bytes. */
export async function resultOfBytes(reply: BytesReply, durationMs: number): Promise<InvocationResult> {
  const { ok, status, contentType, body, invocationId } = reply;
  const isText = !ok || (showingOf(contentType) === 'json' && body.size <= textMostBytes);
  const text = isText ? await body.text() : '';
  return {
    status,
    durationMs,
    bytes: body.size,
    text,
    contentType,
    ...(invocationId && { invocationId }),
    ...(!ok && { problem: problemOfReply({ status, contentType, text }) }),
    ...(!isText && { body }),
  };
}

/** A failure that did not come as an answer over HTTP. */
export function resultOfProblem(
  problem: Problem,
  durationMs: number,
  invocationId: string | undefined,
): InvocationResult {
  const text = JSON.stringify(problem);
  return {
    status: problem.status,
    durationMs,
    bytes: utf8Length(text),
    text,
    contentType: 'application/problem+json',
    ...(invocationId && { invocationId }),
    problem,
  };
}
