import type { PluginConfig } from './protocol/plugin.ts';
import { uploadMostMbDefault } from './protocol/stream.ts';
import type { SlotLimits } from './slots.ts';

/** What a configuration allows one invocation, and all of an instance at the same time. */
export interface InvocationLimits {
  /** Default and ceiling of the time for an answer. */
  timeoutMs: number;
  slots: SlotLimits;
  /** Of a payload that comes as chunks. */
  uploadMostBytes: number;
}

export function invocationLimitsOf({
  resources,
  limits,
}: Pick<PluginConfig, 'resources' | 'limits'>): InvocationLimits {
  const { max_concurrency, max_queue, max_upload_mb = uploadMostMbDefault } = limits;
  return {
    timeoutMs: resources.timeout_secs * 1_000,
    slots: { maxConcurrency: max_concurrency, maxQueue: max_queue },
    uploadMostBytes: max_upload_mb * 1024 * 1024,
  };
}
