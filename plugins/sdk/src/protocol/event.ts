import type { Status } from './status.ts';
import { isStatus } from './status.ts';
import type { PluginTelemetry } from './telemetry.ts';

/** An instance's answer to `plugin.<id>.status`, and its status event. */
export interface StatusEvent {
  id: string;
  instance: string;
  status: Status;
  version: string;
  started_at: string;
  host?: string;
  pid?: number;
  error?: string;
}

/** The telemetry event, which is the heartbeat. */
export interface Heartbeat {
  seq: number;
  status: Status;
  version: string;
  started_at: string;
  host?: string;
  pid?: number;
  /** Changes when what the instance says of itself changes. */
  descriptor: string;
  telemetry: PluginTelemetry;
}

/** Anybody may publish an event: it counts only when it has the shape and speaks of who its subject names. */
export function isStatusEvent(value: unknown): value is StatusEvent {
  if (typeof value !== 'object' || value === null) return false;
  const { id, instance, status, version, started_at } = value as Record<string, unknown>;
  return [id, instance, version, started_at].every((text) => typeof text === 'string') && isStatus(status);
}

export function isHeartbeat(value: unknown): value is Heartbeat {
  if (typeof value !== 'object' || value === null) return false;
  const { seq, status, version, started_at, descriptor, telemetry } = value as Record<string, unknown>;
  return (
    typeof seq === 'number' &&
    isStatus(status) &&
    [version, started_at, descriptor].every((text) => typeof text === 'string') &&
    isTelemetry(telemetry)
  );
}

function isTelemetry(value: unknown): value is PluginTelemetry {
  if (typeof value !== 'object' || value === null) return false;
  const telemetry = value as Record<string, unknown>;
  const numbers = ['cpu_percent', 'memory_mb', 'uptime_secs', 'request_count', 'error_count', 'in_flight'];
  return (
    numbers.every((name) => Number.isFinite(telemetry[name])) &&
    Array.isArray(telemetry['latency_buckets']) &&
    telemetry['latency_buckets'].every(
      (pair) => Array.isArray(pair) && pair.length === 2 && pair.every((n) => Number.isInteger(n)),
    )
  );
}
