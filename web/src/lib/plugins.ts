import type { PluginInfo } from '@bkg/sdk/protocol';
import { problemOfReply, request, requestJson, type Fetch } from './request.ts';
import type { Action } from './status.ts';

/** Who orders, as the receipts and the history call it. */
export const orderedBy = 'dashboard';
/** Of a list that is asked for when the socket does not tell it. */
const readTimeoutMs = 5_000;
/** The mesh itself waits up to 60 s for the state that was asked for. */
const actionTimeoutMs = 75_000;

export interface CallOptions {
  signal?: AbortSignal;
  fetch?: Fetch;
}

export function listPlugins(options: CallOptions = {}): Promise<PluginInfo[]> {
  return requestJson('/api/plugins', { ...options, timeoutMs: readTimeoutMs });
}

/** What the mesh knows of one plugin. */
export function describePlugin(id: string): Promise<PluginInfo> {
  return requestJson(`/api/plugins/${encodeURIComponent(id)}`, { timeoutMs: readTimeoutMs });
}

/**
 * What keeps the gateway from its work, as sentences; undefined when nothing does.
 * @throws UnreachableError when it does not answer
 */
export async function whatIsMissing(options: CallOptions = {}): Promise<string | undefined> {
  const reply = await request('/readyz', { ...options, timeoutMs: readTimeoutMs });
  return reply.ok ? undefined : problemOfReply(reply).detail.replace(/^Not ready: /, '');
}

/** Resolves with the plugin in the state that was asked for. */
export function actOnPlugin(id: string, action: Action, options: CallOptions = {}): Promise<PluginInfo> {
  return requestJson(`/api/plugins/${encodeURIComponent(id)}/${action}`, {
    ...options,
    method: 'POST',
    body: JSON.stringify({ by: orderedBy }),
    timeoutMs: actionTimeoutMs,
  });
}
