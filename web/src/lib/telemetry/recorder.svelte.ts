import type { PluginTelemetry } from '@bkg/sdk/protocol';
import { Readings } from './readings.ts';

/** Anybody may publish under any name. */
const recordingsMost = 2_000;

/** The readings of one plugin, for the page to follow. */
export class Recording extends Readings {
  /** Rises with each reading: whoever shows the series reads this. */
  version = $state(0);

  override add(telemetry: PluginTelemetry, at: number, isOld = false): boolean {
    const isNew = super.add(telemetry, at, isOld);
    if (isNew) this.version += 1;
    return isNew;
  }
}

/** Recordings are kept while the page lives, so that charts go on from page to page. */
export class Recorder {
  readonly openedAt = Date.now();
  // Not for the page to react to: a recording says itself when it grows.
  // eslint-disable-next-line svelte/prefer-svelte-reactivity
  #recordings = new Map<string, Recording>();

  of(pluginId: string): Recording {
    let recording = this.#recordings.get(pluginId);
    if (!recording) {
      const [oldest] = this.#recordings.keys();
      if (oldest !== undefined && this.#recordings.size >= recordingsMost) this.#recordings.delete(oldest);
      this.#recordings.set(pluginId, (recording = new Recording()));
    }
    return recording;
  }

  /** The connection was lost. */
  interrupt(): void {
    for (const recording of this.#recordings.values()) recording.interrupt();
  }
}
