import type { PluginTelemetry } from '@bkg/sdk/protocol';
import type { Measures } from './charts.ts';
import { hasRestarted, readingOf, silenceOf, type Heard } from './rates.ts';
import { TelemetrySeries } from './series.ts';

/** No plugin sends heartbeats so fast: what comes closer together was held up on its way. */
const heldUpMs = 500;
const restartsMost = 20;
const intervalsMost = 7;

/** What one plugin measured since the page was opened. */
export class Readings {
  readonly series = new TelemetrySeries();
  /** When its counters began anew, newest last. */
  restarts: number[] = [];
  #last: Heard | undefined;
  /** The last reading that came at the time it is of: rates are counted from there. */
  #timed: Heard | undefined;
  #nextIsOld = false;
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

  /** The connection was lost: what is heard next may have been waiting for it. */
  interrupt(): void {
    this.#nextIsOld = true;
  }

  /**
   * @param at when it arrived, in ms since the epoch
   * @param isOld it was known before and is only told now, as in a snapshot: of which time it is, nobody says
   * @returns false when it says nothing new
   */
  add(telemetry: PluginTelemetry, at: number, isOld = false): boolean {
    // No instance has said anything (yet): that is no reading of zeros.
    if (telemetry.instances === 0) return false;
    const last = this.#last;
    if (last && (at < last.at || isRepeated(last.telemetry, telemetry))) return false;
    const heard = { at, telemetry };
    if (last && hasRestarted(last.telemetry, telemetry)) {
      this.restarts = [...this.restarts.slice(1 - restartsMost), at];
    }
    this.series.add(at, this.#read(heard, isOld || this.#nextIsOld));
    this.#nextIsOld = false;
    // A program that looks inside itself says something but zeros sooner or later; one that only counts never does.
    const { event_loop_lag_ms, in_flight, queue_depth } = telemetry;
    if (event_loop_lag_ms > 0 || in_flight > 0 || queue_depth > 0) this.#isOpen = true;
    this.#last = heard;
    return true;
  }

  #read(heard: Heard, isOld: boolean) {
    const before = this.#timed;
    if (isOld) return readingOf(undefined, heard);
    if (before && heard.at - before.at < heldUpMs) {
      this.#timed = undefined;
      return readingOf(undefined, heard);
    }
    const reading = readingOf(before, heard, this.silenceMs);
    if (before) this.#intervalsMs = [...this.#intervalsMs, heard.at - before.at].slice(-intervalsMost);
    this.#timed = heard;
    return reading;
  }
}

const figures = [
  'uptime_secs',
  'request_count',
  'error_count',
  'cpu_percent',
  'memory_mb',
  'event_loop_lag_ms',
  'in_flight',
  'queue_depth',
  'instances',
] as const satisfies (keyof PluginTelemetry)[];

/** The same heartbeat told again, as when something else about the plugin changed: of a later one the uptime differs. */
function isRepeated(before: PluginTelemetry, now: PluginTelemetry): boolean {
  return now.uptime_secs > 0 && figures.every((figure) => before[figure] === now[figure]);
}
