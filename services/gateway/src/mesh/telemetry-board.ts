import { heartbeatMostMs, isHeartbeat, jsonOrUndefined, mergeTelemetry } from '@bkg/sdk';
import type { Heartbeat, PluginTelemetry } from '@bkg/sdk';

interface Heard {
  at: number;
  /** Heartbeats are many and seldom looked at: each is parsed when somebody asks. */
  data: Uint8Array | undefined;
  heartbeat: Heartbeat | undefined;
}

/** What somebody else has heard of a plugin, over all its instances. */
interface Told {
  telemetry: PluginTelemetry;
  /** Those that it is over. */
  instances: readonly string[];
  until: number;
}

interface Known {
  heard: Map<string, Heard>;
  told?: Told;
}

/**
 * An instance that has missed so many heartbeats says nothing of now; one that beats often has half a minute. What it says
 * itself of how often it beats counts as far as it may be told to.
 */
const missedMost = 3;
const keptLeastMs = 30_000;
/** Anybody may publish an event under any name: this many instances are remembered. */
const instancesMost = 20_000;

/** How long what was heard of an instance is good that beats every so often. */
export function telemetryKeptMs(everyMs: number): number {
  return Math.max(keptLeastMs, missedMost * Math.min(everyMs, heartbeatMostMs));
}

/** The last heartbeat of every instance that is heard, and what was told of the others. */
export class TelemetryBoard {
  readonly #plugins = new Map<string, Known>();
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
    const { heard } = this.#plugins.get(pluginId) ?? {};
    if (!heard?.has(instance)) {
      if (this.#count >= instancesMost) return;
      this.#count += 1;
    }
    // A copy: the original is a part of a larger buffer, which it would keep alive.
    this.#ensure(pluginId).heard.set(instance, {
      at: this.#now(),
      data: new Uint8Array(data),
      heartbeat: undefined,
    });
    this.#tellListeners(pluginId);
  }

  /**
   * Somebody who hears all has said what it knows: that counts instead of what was heard before, until at least as many
   * instances are heard here.
   * @param instances those that it is over
   * @param keptMs how long it is good
   */
  tell(telemetry: PluginTelemetry, instances: readonly string[], keptMs: number): void {
    const { plugin_id: pluginId } = telemetry;
    const known = this.#ensure(pluginId);
    this.#count -= known.heard.size;
    known.heard.clear();
    known.told = { telemetry, instances, until: this.#now() + keptMs };
    this.#tellListeners(pluginId);
  }

  /** The telemetry of a plugin over those of its instances that are named. */
  of(pluginId: string, instances: readonly string[]): PluginTelemetry {
    const { heard, told } = this.#plugins.get(pluginId) ?? {};
    const parts = instances.flatMap((instance) => {
      const one = heard?.get(instance);
      return (one && this.#isGood(one) && parsed(one)?.telemetry) || [];
    });
    const isTold = told && told.until >= this.#now() && told.telemetry.instances > parts.length;
    // When one of them has gone meanwhile nobody can take its part out.
    if (isTold && told.instances.every((one) => instances.includes(one))) return told.telemetry;
    return mergeTelemetry(pluginId, parts);
  }

  /** Forgets who has been silent for too long. */
  sweep(): void {
    for (const [pluginId, known] of this.#plugins) {
      for (const [instance, one] of known.heard) {
        if (this.#isGood(one)) continue;
        known.heard.delete(instance);
        this.#count -= 1;
      }
      if (known.told && known.told.until < this.#now()) delete known.told;
      if (known.heard.size === 0 && !known.told) this.#plugins.delete(pluginId);
    }
  }

  #isGood(heard: Heard): boolean {
    const silentMs = this.#now() - heard.at;
    return silentMs <= keptLeastMs || silentMs <= telemetryKeptMs(parsed(heard)?.every_ms ?? 0);
  }

  #ensure(pluginId: string): Known {
    const known = this.#plugins.get(pluginId) ?? { heard: new Map<string, Heard>() };
    this.#plugins.set(pluginId, known);
    return known;
  }

  #tellListeners(pluginId: string): void {
    for (const listener of this.#listeners) listener(pluginId);
  }
}

function parsed(heard: Heard): Heartbeat | undefined {
  if (heard.data) {
    heard.heartbeat = heartbeatOf(heard.data);
    heard.data = undefined;
  }
  return heard.heartbeat;
}

/** Undefined for what is none, whoever sent it: it counts for nothing. */
function heartbeatOf(data: Uint8Array): Heartbeat | undefined {
  const value = jsonOrUndefined(data);
  return isHeartbeat(value) ? value : undefined;
}
