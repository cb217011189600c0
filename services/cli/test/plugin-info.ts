import type { PluginInfo } from '@bkg/sdk/protocol';
import { configDefaults } from '@bkg/sdk/protocol';

export const at = '2026-11-24T08:00:00.000Z';

/** A plugin with one instance that has answered something. */
export function plugin(
  id: string,
  changes: Partial<PluginInfo> = {},
  measured: Partial<PluginInfo['telemetry']> = {},
): PluginInfo {
  return {
    id,
    name: id,
    version: '1.0.0',
    description: '',
    author: '',
    status: 'running',
    capabilities: [],
    config: { id, ...configDefaults },
    instances: [instance()],
    versions: ['1.0.0'],
    telemetry: {
      plugin_id: id,
      cpu_percent: 12.34,
      memory_mb: 81.25,
      uptime_secs: 60,
      request_count: 1204,
      error_count: 3,
      last_error: '',
      in_flight: 0,
      queue_depth: 0,
      event_loop_lag_ms: 0,
      instances: 1,
      latency_ms: { p50: 1.6, p95: 12.8, p99: 204.8 },
      latency_buckets: [],
      ...measured,
    },
    observed_at: at,
    ...changes,
  };
}

export function instance(managed = true): PluginInfo['instances'][number] {
  return { instance: 'a', status: 'running', version: '1.0.0', host: 'h', managed, started_at: at };
}
