import { heartbeatsPerSecond, leaseStaleMs } from '@bkg/sdk';
import type { PluginCapability, PluginConfig, PluginInfo, PluginTelemetry, RegistryEntry } from '@bkg/sdk';
import { readTelemetry } from './read-telemetry.ts';
import { TelemetryBoard, telemetryKeptMs } from './telemetry-board.ts';

interface Known {
  entry: RegistryEntry;
  /** Set when the bucket was read whole and this was not in it: ms since the epoch. */
  missingSince?: number;
  /** Until then, what the supervisor said directly is newer than what the bucket says. */
  aheadUntil: number;
}

/** The bucket is written at most once a second per plugin, and follows an answer of the supervisor by that much. */
const aheadMs = 2_000;

/**
 * What the gateway knows of the mesh: the registry as it was read, and until when it was true. Nothing is forgotten
 * because somebody is silent: what may have changed meanwhile is shown as unknown since then.
 */
export class Catalog {
  readonly telemetry: TelemetryBoard;
  readonly #known = new Map<string, Known>();
  readonly #listeners = new Set<(id: string) => void>();
  readonly #readers = new Set<() => void>();
  readonly #now: () => number;
  readonly #startedAt: number;
  /** Of all plugins. */
  #instances = 0;
  /** Of the reading that is under way. */
  #seen = new Set<string>();
  #ready = false;
  #awaySince: number | undefined;
  #leaseRenewedAt: number | undefined;

  constructor(now: () => number = Date.now) {
    this.#now = now;
    this.#startedAt = now();
    this.telemetry = new TelemetryBoard(now);
  }

  /** The registry was read whole at least once. */
  get ready(): boolean {
    return this.#ready;
  }

  /** Nobody watches over the registry at present. */
  get leaseIsStale(): boolean {
    return this.#now() - (this.#leaseRenewedAt ?? this.#startedAt) > leaseStaleMs;
  }

  /** How many plugins there are. */
  get size(): number {
    return this.#known.size;
  }

  get(id: string): RegistryEntry | undefined {
    return this.#known.get(id)?.entry;
  }

  /** As the registry has it. */
  capability(pluginId: string, id: string): PluginCapability | undefined {
    return this.get(pluginId)?.capabilities.find((one) => one.id === id);
  }

  /** Everything about a plugin, as the dashboard gets it. */
  info(id: string): PluginInfo | undefined {
    const known = this.#known.get(id);
    return known && this.describe(known.entry);
  }

  /** Of all plugins, in order. */
  ids(): string[] {
    return [...this.#known.keys()].sort();
  }

  /** An entry from anywhere, completed by what only the gateway knows. */
  describe(entry: RegistryEntry): PluginInfo {
    const since = this.unknownSince(entry.id);
    return {
      ...entry,
      telemetry: this.telemetry.of(entry.id, instancesOf(entry)),
      ...(since && { unknown_since: since }),
    };
  }

  /** Since when nobody vouches for what is known of a plugin, RFC 3339; undefined while it is sure. */
  unknownSince(id: string): string | undefined {
    const known = this.#known.get(id);
    if (!known) return undefined;
    const { missingSince = Infinity, entry } = known;
    // While the broker is away no lease can arrive, which says nothing of the supervisor.
    const vouchedUntil = this.#awaySince ?? (this.leaseIsStale ? this.#leaseEnd(entry) : Infinity);
    const since = Math.min(missingSince, vouchedUntil);
    return since === Infinity ? undefined : new Date(since).toISOString();
  }

  /** @returns ends it */
  onChange(listener: (id: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Hears each time when the registry was read whole, be it that it is empty. @returns ends it */
  onRead(listener: () => void): () => void {
    this.#readers.add(listener);
    return () => this.#readers.delete(listener);
  }

  /** The broker is away: nothing is sure until the registry is read again. */
  away(): void {
    this.#awaySince ??= this.leaseIsStale ? (this.#leaseRenewedAt ?? this.#startedAt) : this.#now();
    this.#tellAll();
  }

  /** The bucket is read from the beginning. */
  begin(): void {
    this.#seen = new Set();
  }

  put(entry: RegistryEntry): void {
    const { id } = entry;
    const known = this.#known.get(id);
    this.#seen.add(id);
    this.#keep({
      entry: known ? this.#latest(known, entry) : entry,
      aheadUntil: known?.aheadUntil ?? 0,
    });
    this.#tell(id);
  }

  /** What the supervisor answered to a request; the bucket will say the same a moment later. */
  note(answer: RegistryEntry | PluginInfo): void {
    const { telemetry: told, ...entry } = answer as PluginInfo;
    const telemetry = readTelemetry(entry.id, told);
    if (telemetry) this.noteTelemetry(telemetry, instancesOf(entry));
    const known = this.#known.get(entry.id);
    if (!known || entry.observed_at < known.entry.observed_at) return;
    const latest = this.#latest(known, entry);
    this.#keep({ ...known, entry: latest, aheadUntil: this.#now() + aheadMs });
    this.#tell(entry.id);
  }

  /**
   * What somebody else has heard of a plugin; good until each of its instances should have been heard again.
   * @param instances those that it is over
   */
  noteTelemetry(telemetry: PluginTelemetry, instances: readonly string[]): void {
    this.telemetry.tell(
      telemetry,
      instances,
      telemetryKeptMs((this.#instances * 1_000) / heartbeatsPerSecond),
    );
  }

  /** The same of its configuration alone: of the rest the bucket goes on telling. */
  noteConfig(id: string, config: PluginConfig): void {
    const known = this.#known.get(id);
    if (!known || config.revision < known.entry.config.revision) return;
    this.#keep({ ...known, entry: { ...known.entry, config }, aheadUntil: this.#now() + aheadMs });
    this.#tell(id);
  }

  remove(id: string): void {
    this.#instances -= this.get(id)?.instances.length ?? 0;
    if (this.#known.delete(id)) this.#tell(id);
  }

  /** Everything that the bucket holds has been put. */
  complete(): void {
    for (const [id, known] of this.#known) {
      if (!this.#seen.has(id)) known.missingSince ??= this.#awaySince ?? this.#now();
    }
    this.#ready = true;
    this.#awaySince = undefined;
    this.#tellAll();
    for (const listener of this.#readers) listener();
  }

  /** Forgets what is still missing. Not done at once, because a bucket that was just made anew fills one by one. */
  settle(): void {
    for (const [id, { missingSince }] of this.#known) if (missingSince !== undefined) this.remove(id);
  }

  /** @param at when, in ms since the epoch */
  leaseRenewed(at: number): void {
    const wasStale = this.leaseIsStale;
    this.#leaseRenewedAt = Math.min(at, this.#now());
    if (wasStale !== this.leaseIsStale) this.#tellAll();
  }

  /** To be called when time alone may have made the lease stale. */
  leaseOverdue(): void {
    if (this.leaseIsStale) this.#tellAll();
  }

  #keep(known: Known): void {
    const { id, instances } = known.entry;
    this.#instances += instances.length - (this.get(id)?.instances.length ?? 0);
    this.#known.set(id, known);
  }

  /** While the bucket may be behind: of the configuration its revision says what is newer, of the rest the time. */
  #latest({ entry: known, aheadUntil }: Known, entry: RegistryEntry): RegistryEntry {
    if (aheadUntil <= this.#now()) return entry;
    const latest = entry.observed_at < known.observed_at ? known : entry;
    const config = entry.config.revision < known.config.revision ? known.config : entry.config;
    return latest.config === config ? latest : { ...latest, config };
  }

  /** A supervisor that was never heard has at least written the entry. */
  #leaseEnd({ observed_at }: RegistryEntry): number {
    return this.#leaseRenewedAt ?? (Date.parse(observed_at) || this.#startedAt);
  }

  #tell(id: string): void {
    for (const listener of this.#listeners) listener(id);
  }

  #tellAll(): void {
    for (const id of [...this.#known.keys()]) this.#tell(id);
  }
}

/** The ids of those that an entry has. */
export function instancesOf({ instances }: Pick<RegistryEntry, 'instances'>): string[] {
  return instances.map(({ instance }) => instance);
}
