import type { ConfigHistory, PluginConfig } from '@bkg/sdk/protocol';
import { orderedBy, type CallOptions } from '../plugins.ts';
import { requestJson } from '../request.ts';

const readTimeoutMs = 10_000;
/** The mesh itself waits up to 60 s until every instance has it. */
const saveTimeoutMs = 75_000;

const pathOf = (id: string) => `/api/plugins/${encodeURIComponent(id)}/config`;

export interface ConfigOrder {
  /** Of the configuration that is changed. */
  revision: number;
  patch: Record<string, unknown>;
  why: string;
}

/** Resolves with the configuration when every instance has it. @throws ProblemError CONFLICT when it was changed meanwhile */
export function saveConfig(
  id: string,
  { patch, revision, why }: ConfigOrder,
  options: CallOptions = {},
): Promise<PluginConfig> {
  return requestJson(pathOf(id), {
    ...options,
    method: 'POST',
    body: JSON.stringify({ ...patch, revision, why, by: orderedBy }),
    timeoutMs: saveTimeoutMs,
  });
}

/** @param before only revisions older than this */
export function getConfigHistory(
  id: string,
  before: number | undefined,
  options: CallOptions = {},
): Promise<ConfigHistory> {
  const search = before === undefined ? '' : `?before=${before}`;
  return requestJson(`${pathOf(id)}/history${search}`, { ...options, timeoutMs: readTimeoutMs });
}
