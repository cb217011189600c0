import type { PluginTelemetry } from '@bkg/sdk/protocol';

/** Anybody may publish it under a plugin's name: what is no number counts as 0, what is no list as empty. */
export function asTelemetry(given: PluginTelemetry, pluginId: string): PluginTelemetry {
  const value = Object(given) as Partial<Record<keyof PluginTelemetry, unknown>>;
  const number = (found: unknown) => (typeof found === 'number' && Number.isFinite(found) ? found : 0);
  const latency = Object(value.latency_ms) as Record<string, unknown>;
  const buckets = Array.isArray(value.latency_buckets) ? (value.latency_buckets as unknown[]) : [];
  return {
    plugin_id: pluginId,
    cpu_percent: number(value.cpu_percent),
    memory_mb: number(value.memory_mb),
    uptime_secs: number(value.uptime_secs),
    request_count: number(value.request_count),
    error_count: number(value.error_count),
    last_error: typeof value.last_error === 'string' ? value.last_error : '',
    in_flight: number(value.in_flight),
    queue_depth: number(value.queue_depth),
    event_loop_lag_ms: number(value.event_loop_lag_ms),
    instances: number(value.instances),
    latency_ms: { p50: number(latency['p50']), p95: number(latency['p95']), p99: number(latency['p99']) },
    latency_buckets: buckets.slice(0, 100).filter(isPair),
  };
}

function isPair(value: unknown): value is [number, number] {
  return (
    Array.isArray(value) &&
    value.length === 2 &&
    value.every((part) => Number.isSafeInteger(part) && part >= 0)
  );
}
