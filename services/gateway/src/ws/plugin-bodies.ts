import { instancesOf } from '../mesh/catalog.ts';
import type { Catalog } from '../mesh/catalog.ts';

interface TelemetryBody {
  at: number;
  body: Buffer;
}

interface InfoBody {
  telemetry: Buffer;
  body: Buffer;
}

const [opening, comma, closing] = [Buffer.from('['), Buffer.from(','), Buffer.from(']')];
/** Old heartbeats stop counting as time goes by, which nobody announces. */
const telemetryFreshMs = 1_000;

/**
 * PluginInfo and PluginTelemetry as JSON, encoded once for all clients. A registry entry may hold many kilobytes of
 * schemas and seldom changes; telemetry is small and changes with each heartbeat: each has its own encoding.
 */
export class PluginBodies {
  readonly #catalog: Catalog;
  readonly #now: () => number;
  /** Without the closing brace. */
  readonly #entries = new Map<string, Buffer>();
  readonly #telemetries = new Map<string, TelemetryBody>();
  readonly #infos = new Map<string, InfoBody>();

  /** To be made before those who listen to the catalog and then ask this. */
  constructor(catalog: Catalog, now: () => number = Date.now) {
    this.#catalog = catalog;
    this.#now = now;
    catalog.onChange((id) => {
      this.#entries.delete(id);
      this.#telemetries.delete(id);
      this.#infos.delete(id);
    });
    catalog.telemetry.onHear((id) => this.#telemetries.delete(id));
  }

  /** PluginInfo[] of all plugins, or of these, by id. */
  all(plugins?: ReadonlySet<string>): Buffer {
    const ids = this.#catalog.ids().filter((id) => plugins?.has(id) ?? true);
    return joined(ids.flatMap((id) => this.info(id) ?? []));
  }

  /** PluginInfo; undefined when there is no such plugin. */
  info(id: string): Buffer | undefined {
    const telemetry = this.telemetry(id);
    if (!telemetry) return undefined;
    const known = this.#infos.get(id);
    if (known?.telemetry === telemetry) return known.body;
    const body = Buffer.concat([this.#entry(id), Buffer.from(',"telemetry":'), telemetry, Buffer.from('}')]);
    this.#infos.set(id, { telemetry, body });
    return body;
  }

  /** PluginTelemetry over the plugin's instances; undefined when there is no such plugin. */
  telemetry(id: string): Buffer | undefined {
    const entry = this.#catalog.get(id);
    if (!entry) return undefined;
    const known = this.#telemetries.get(id);
    if (known && this.#now() - known.at < telemetryFreshMs) return known.body;
    const body = Buffer.from(JSON.stringify(this.#catalog.telemetry.of(id, instancesOf(entry))));
    this.#telemetries.set(id, { at: this.#now(), body });
    return body;
  }

  #entry(id: string): Buffer {
    const known = this.#entries.get(id);
    if (known) return known;
    const entry = { ...this.#catalog.get(id), unknown_since: this.#catalog.unknownSince(id) };
    const body = Buffer.from(JSON.stringify(entry).slice(0, -1));
    this.#entries.set(id, body);
    return body;
  }
}

/** JSON texts as a JSON array. */
export function joined(bodies: readonly Uint8Array[]): Buffer {
  const parts = bodies.flatMap((body, i) => (i === 0 ? [body] : [comma, body]));
  return Buffer.concat([opening, ...parts, closing]);
}
