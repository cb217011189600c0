import type { PluginInfo, RollbackOrder, ScaleOrder, SwapOrder } from '@bkg/sdk/protocol';
import { orderedBy, type CallOptions } from '../plugins.ts';
import { requestJson } from '../request.ts';

/** A rollout takes its plugin's start time for each instance; past this, its progress is still told over the socket. */
const rolloutTimeoutMs = 300_000;
const scaleTimeoutMs = 75_000;

type Body<Order> = Omit<Order, 'by' | 'wait'>;

/** Resolves with the plugin when the other version has taken over. */
export function swapPlugin(id: string, order: Body<SwapOrder>, options?: CallOptions): Promise<PluginInfo> {
  return post(id, 'swap', order, rolloutTimeoutMs, options);
}

/** Resolves with the plugin when the earlier configuration and version are in force. */
export function rollBackPlugin(
  id: string,
  order: Body<RollbackOrder>,
  options?: CallOptions,
): Promise<PluginInfo> {
  return post(id, 'rollback', order, rolloutTimeoutMs, options);
}

/** Resolves with the plugin when it has so many instances. */
export function scalePlugin(id: string, order: Body<ScaleOrder>, options?: CallOptions): Promise<PluginInfo> {
  return post(id, 'scale', order, scaleTimeoutMs, options);
}

function post(
  id: string,
  verb: 'swap' | 'rollback' | 'scale',
  order: object,
  timeoutMs: number,
  options: CallOptions = {},
): Promise<PluginInfo> {
  return requestJson(`/api/plugins/${encodeURIComponent(id)}/${verb}`, {
    ...options,
    method: 'POST',
    body: JSON.stringify({ ...order, by: orderedBy }),
    timeoutMs,
  });
}
