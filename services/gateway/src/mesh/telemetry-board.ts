import { isHeartbeat, mergeTelemetry, parseJson } from '@bkg/sdk';
import type { PluginTelemetry } from '@bkg/sdk';

interface Heard {
  at: number;
  /** Heartbeats are many and seldom looked at: each is parsed when somebody asks. */
  data: Uint8Array | undefined;
  telemetry: PluginTelemetry | undefined;
}

/** An instance that has been silent for longer says nothing of now. */
const keptMs = 30_000;
/** Anybody may publish an event under any name: this many instances are remembered. */
const instancesMost = 20_000;

/** The last heartbeat of every instance. */
export class TelemetryBoard {
  readonly #plugins = new Map<string, Map<string, Heard>>();
  readonly #listeners = new Set<(pluginId: string) => void>();
  readonly #now: () => number;
  #count = 0;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** @returns ends it */
  onHear(listener: (pluginId: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** @param data the body of a telemetry event */
  hear(pluginId: string, instance: string, data: Uint8Array): void {
    let instances = this.#plugins.get(pluginId);
    if (!instances?.has(instance)) {
      if (this.#count >= instancesMost) return;
      this.#count += 1;
      instances ??= new Map<string, Heard>();
      this.#plugins.set(pluginId, instances);
    }
    // A copy: the original is a part of a larger buffer, which it would keep alive.
    instances.set(instance, { at: this.#now(), data: data.slice(), telemetry: undefined });
    for (const listener of this.#listeners) listener(pluginId);
  }

  /** The telemetry of a plugin over those of its instances that are named. */
  of(pluginId: string, instances: readonly string[]): PluginTelemetry {
    const heard = this.#plugins.get(pluginId);
    const oldest = this.#now() - keptMs;
    const parts = instances.flatMap((instance) => {
      const one = heard?.get(instance);
      if (!one || one.at < oldest) return [];
      return parsed(one) ?? [];
    });
    return mergeTelemetry(pluginId, parts);
  }

  /** Forgets who has been silent for too long. */
  sweep(): void {
    const oldest = this.#now() - keptMs;
    for (const [pluginId, instances] of this.#plugins) {
      for (const [instance, { at }] of instances) {
        if (at >= oldest) continue;
        instances.delete(instance);
        this.#count -= 1;
      }
      if (instances.size === 0) this.#plugins.delete(pluginId);
    }
  }
}

function parsed(heard: Heard): PluginTelemetry | undefined {
  if (heard.data) {
    heard.telemetry = telemetryOf(heard.data);
    heard.data = undefined;
  }
  return heard.telemetry;
}

function telemetryOf(data: Uint8Array): PluginTelemetry | undefined {
  try {
    const value: unknown = parseJson(data);
    return isHeartbeat(value) ? value.telemetry : undefined;
  } catch {
    // Not a heartbeat, whoever sent it: it counts for nothing.
    return undefined;
  }
}
