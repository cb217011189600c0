import type { PluginInfo, PluginTelemetry } from '@bkg/sdk/protocol';
import { asTelemetry } from './telemetry/as-telemetry.ts';

/** One plugin, as it was told last. Its telemetry is apart, so that a reading redraws figures and nothing else. */
export class PluginCell {
  readonly id: string;
  info: PluginInfo;
  telemetry: PluginTelemetry;
  /** When the telemetry arrived, in ms since the epoch. */
  receivedAt: number;

  constructor(info: PluginInfo) {
    this.id = info.id;
    this.info = $state.raw(info);
    this.telemetry = $state.raw(asTelemetry(info.telemetry, info.id));
    this.receivedAt = $state(Date.now());
  }

  /** @returns false when what is known is newer: answers to actions and frames overtake each other */
  put(info: PluginInfo): boolean {
    if (info.observed_at < this.info.observed_at) return false;
    this.info = info;
    this.hear(info.telemetry);
    return true;
  }

  hear(telemetry: PluginTelemetry): void {
    this.telemetry = asTelemetry(telemetry, this.id);
    this.receivedAt = Date.now();
  }
}
