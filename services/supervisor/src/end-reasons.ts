import type { Logger } from '@bkg/sdk';
import type { InstanceRecord } from './instance-record.ts';
import type { Confinement } from './isolation/confinement.ts';
import type { OutputCapture } from './logs/log-capture.ts';
import type { KillReason } from './reconcile.ts';
import type { Timings } from './timings.ts';
import { endedByHeap, judge, memoryDeathOf } from './verdict.ts';
import type { Ending, MemoryDeath, Verdict } from './verdict.ts';

export interface EndOptions {
  confinement: Pick<Confinement, 'oomKill'>;
  capture: Pick<OutputCapture, 'tail'>;
  timings: Pick<Timings, 'graceMs'>;
  log: Logger;
}

/** What is known of the instance at its end. */
export interface EndFacts {
  record: Pick<InstanceRecord, 'instance' | 'start_timeout_ms'>;
  maxMemoryMb: number;
  /** What its last status event gave as its error. */
  said: string | undefined;
}

/** Of its output; V8 prints some two kilobytes after the line that names the cause. */
const lastBytes = 16 * 1024;

/** What we have done to end an instance, and what we have seen that leads to it: its end is judged by that. */
export class EndReasons {
  readonly #options: EndOptions;
  askedToStop: boolean;
  killed: KillReason | undefined;
  /** Why it was no good. */
  rejection: string | undefined;
  /** What our watch has seen. */
  over: { what: 'memory' | 'processes'; text: string } | undefined;
  /** How long nothing was heard of it, or nothing but that it had failed, when it was killed. */
  uselessMs = 0;

  constructor(options: EndOptions, askedToStop: boolean) {
    this.#options = options;
    this.askedToStop = askedToStop;
  }

  judge(ending: Ending, { record, maxMemoryMb, said }: EndFacts): Verdict {
    const memory = this.#memoryDeath(ending, record.instance);
    return judge({
      ending,
      askedToStop: this.askedToStop,
      ...(this.killed && { killed: this.killed }),
      ...(memory && { memory }),
      ...(this.over && { tooMany: this.over.text }),
      ...(this.rejection !== undefined && { rejected: this.rejection }),
      ...(said && { said }),
      maxMemoryMb,
      startTimeoutMs: record.start_timeout_ms,
      graceMs: this.#options.timings.graceMs,
      uselessMs: this.uselessMs,
    });
  }

  #memoryDeath(ending: Ending, instance: string): MemoryDeath | undefined {
    const { confinement, capture, log } = this.#options;
    const { oomKill } = confinement;
    if (oomKill) return memoryDeathOf(oomKill);
    if (this.over?.what === 'memory') return 'watch';
    try {
      return endedByHeap(ending, capture.tail('stderr', lastBytes)) ? 'heap' : undefined;
    } catch (error) {
      // What it has printed must not keep its end from being known.
      log.error({ error, instance }, 'its last output cannot be read');
      return undefined;
    }
  }
}
