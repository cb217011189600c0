import { isLogLevel } from '@bkg/sdk';
import type { LogLevel, LogRecord } from '@bkg/sdk';
import { isTooDeep, withoutOurs } from './said-fields.ts';

/** Of each instance. */
const recordsMost = 1_000;
const bytesMost = 4 * 1024 * 1024;
/** Anybody may publish an event under any name. */
const instancesMost = 64;

interface Kept {
  pluginId: string;
  instance: string;
  records: { record: LogRecord; bytes: number }[];
  bytes: number;
}

/** The last log events of instances that nobody manages; they are kept nowhere else. */
export class RecentLogs {
  /** By plugin and instance, who spoke last is last. */
  readonly #instances = new Map<string, Kept>();
  readonly #isSeen: (pluginId: string, instance: string) => boolean;

  /** @param isSeen whether an instance is known by more than what it logs: then those that are not make room for it */
  constructor(isSeen: (pluginId: string, instance: string) => boolean = () => false) {
    this.#isSeen = isSeen;
  }

  /** @param body of a log event; one that is no record is ignored */
  hear(pluginId: string, instance: string, body: unknown, bytes: number): void {
    const record = recordOf(pluginId, instance, body);
    if (record) this.#keep(record, bytes);
  }

  /** A line of our own about an instance. */
  note(pluginId: string, instance: string, level: LogLevel, message: string): void {
    const time = new Date().toISOString();
    const record = { time, level, plugin_id: pluginId, instance, message, by: 'supervisor' };
    this.#keep({ ...record, source: 'sdk' }, Buffer.byteLength(message));
  }

  #keep(record: LogRecord, bytes: number): void {
    const { plugin_id: pluginId, instance } = record;
    const key = `${pluginId} ${instance}`;
    const kept = this.#instances.get(key) ?? { pluginId, instance, records: [], bytes: 0 };
    if (!this.#instances.has(key) && !this.#makeRoom()) return;
    this.#instances.delete(key);
    this.#instances.set(key, kept);
    kept.records.push({ record, bytes });
    kept.bytes += bytes;
    while (kept.records.length > recordsMost || kept.bytes > bytesMost)
      kept.bytes -= kept.records.shift()?.bytes ?? 0;
  }

  of(pluginId: string): LogRecord[] {
    return [...this.#instances.values()]
      .filter((kept) => kept.pluginId === pluginId)
      .flatMap(({ records }) => records.map(({ record }) => record));
  }

  forget(pluginId: string, instance: string): void {
    this.#instances.delete(`${pluginId} ${instance}`);
  }

  /** Forgets who was silent for longest, of those of whom nothing else is known. @returns false: there is none */
  #makeRoom(): boolean {
    if (this.#instances.size < instancesMost) return true;
    for (const [key, { pluginId, instance }] of this.#instances)
      if (!this.#isSeen(pluginId, instance)) return this.#instances.delete(key);
    return false;
  }
}

function recordOf(pluginId: string, instance: string, body: unknown): LogRecord | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const { time, level, message, source } = body as Record<string, unknown>;
  if (typeof time !== 'string' || Number.isNaN(Date.parse(time))) return undefined;
  if (!isLogLevel(level) || typeof message !== 'string') return undefined;
  return {
    ...(isTooDeep(body) ? {} : withoutOurs(body)),
    // In the one form in which texts sort as times do.
    time: new Date(time).toISOString(),
    level,
    message,
    plugin_id: pluginId,
    instance,
    source: source === 'stdout' || source === 'stderr' ? source : 'sdk',
  };
}
