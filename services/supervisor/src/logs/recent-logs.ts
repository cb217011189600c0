import { isLogLevel } from '@bkg/sdk';
import type { LogRecord } from '@bkg/sdk';

/** Of each instance. */
const recordsMost = 1_000;
const bytesMost = 4 * 1024 * 1024;
/** Anybody may publish an event under any name. */
const instancesMost = 64;

interface Kept {
  records: { record: LogRecord; bytes: number }[];
  bytes: number;
}

/** The last log events of instances that nobody manages; they are kept nowhere else. */
export class RecentLogs {
  readonly #plugins = new Map<string, Map<string, Kept>>();
  #count = 0;

  /** @param body of a log event; one that is no record is ignored */
  hear(pluginId: string, instance: string, body: unknown, bytes: number): void {
    const record = recordOf(pluginId, instance, body);
    const kept = record && this.#of(pluginId, instance);
    if (!kept) return;
    kept.records.push({ record, bytes });
    kept.bytes += bytes;
    while (kept.records.length > recordsMost || kept.bytes > bytesMost)
      kept.bytes -= kept.records.shift()?.bytes ?? 0;
  }

  of(pluginId: string): LogRecord[] {
    return [...(this.#plugins.get(pluginId)?.values() ?? [])].flatMap(({ records }) =>
      records.map(({ record }) => record),
    );
  }

  forget(pluginId: string, instance: string): void {
    const instances = this.#plugins.get(pluginId);
    if (instances?.delete(instance)) this.#count -= 1;
    if (instances?.size === 0) this.#plugins.delete(pluginId);
  }

  #of(pluginId: string, instance: string): Kept | undefined {
    const instances = this.#plugins.get(pluginId) ?? new Map<string, Kept>();
    const known = instances.get(instance);
    if (known) return known;
    if (this.#count >= instancesMost) return undefined;
    this.#count += 1;
    const kept: Kept = { records: [], bytes: 0 };
    this.#plugins.set(pluginId, instances.set(instance, kept));
    return kept;
  }
}

function recordOf(pluginId: string, instance: string, body: unknown): LogRecord | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const { time, level, message, source } = body as Record<string, unknown>;
  if (typeof time !== 'string' || Number.isNaN(Date.parse(time))) return undefined;
  if (!isLogLevel(level) || typeof message !== 'string') return undefined;
  return {
    ...body,
    // In the one form in which texts sort as times do.
    time: new Date(time).toISOString(),
    level,
    message,
    plugin_id: pluginId,
    instance,
    source: source === 'stdout' || source === 'stderr' ? source : 'sdk',
  };
}
