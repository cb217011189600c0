import type { PluginTelemetry } from '@bkg/sdk/protocol';
import type { Measures } from './charts.ts';
import { hasRestarted, readingOf, silenceOf, type Heard } from './rates.ts';
import { TelemetrySeries } from './series.ts';

/** Two readings of the same moment, by a snapshot and by an event. */
const sameMs = 500;
const restartsMost = 20;
const intervalsMost = 7;
/** Anybody may publish under any name. */
const recordingsMost = 2_000;

/** What one plugin measured since the page was opened. */
export class Recording {
  readonly series = new TelemetrySeries();
  /** Rises with each reading: whoever shows the series reads this. */
  version = $state(0);
  /** When its counters began anew, newest last. */
  restarts: number[] = [];
  #last: Heard | undefined;
  #intervalsMs: number[] = [];
  #isOpen = false;

  /** After a longer silence the line of a chart is interrupted. */
  get silenceMs(): number {
    return silenceOf(this.#intervalsMs);
  }

  get measures(): Measures {
    return { process: (this.#last?.telemetry.memory_mb ?? 0) > 0, inside: this.#isOpen };
  }

  /** Undefined until something was heard. */
  get lastAt(): number | undefined {
    return this.#last?.at;
  }

  add(telemetry: PluginTelemetry, at: number): void {
    // No instance has said anything (yet): that is no reading of zeros.
    if (telemetry.instances === 0) return;
    if (this.#last && at - this.#last.at < sameMs) return;
    const heard = { at, telemetry };
    if (this.#last && hasRestarted(this.#last.telemetry, telemetry)) {
      this.restarts = [...this.restarts.slice(1 - restartsMost), at];
    }
    this.series.add(at, readingOf(this.#last, heard, this.silenceMs));
    if (this.#last) this.#intervalsMs = [...this.#intervalsMs, at - this.#last.at].slice(-intervalsMost);
    // A program that looks inside itself says something but zeros sooner or later; one that only counts never does.
    const { event_loop_lag_ms, in_flight, queue_depth } = telemetry;
    if (event_loop_lag_ms > 0 || in_flight > 0 || queue_depth > 0) this.#isOpen = true;
    this.#last = heard;
    this.version += 1;
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
}
