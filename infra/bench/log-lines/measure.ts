import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '@bkg/sdk/testing';
import { percentile } from '../figures.ts';
import { cpuMs } from '../program.ts';
import { now } from '../clock.ts';
import { partNames } from '../replace/mesh.ts';
import type { PartName } from '../replace/mesh.ts';
import type { Stage } from './stage.ts';

export interface Measured {
  /** Lines that were to be printed in a second. */
  rate: number;
  printed: number;
  delivered: number;
  /** Lines of which is said that they are not sent: too fast for the bus, the reader, or to be read at all. */
  told: { unpublished: number; dropped: number; skipped: number };
  /** Doubled, or in the wrong order. */
  disordered: number;
  /** Of a record, as JSON. */
  recordBytes: number;
  /** From printing to the frame on the socket, in ms. */
  p50: number;
  p99: number;
  /** µs of a printed line, above what the process uses when nothing is printed. */
  cpu: Record<PartName, number>;
}

export interface Plan {
  rate: number;
  seconds: number;
  bytes: number;
}

/** What a mesh at rest uses in a second, in ms. */
export type Rest = Record<PartName, number>;

/** Lines that are not accounted for by then are lost: a machine may stand still for a moment. */
const quietMs = 15_000;
const lateMostMs = 60_000;

export async function measureRest(stage: Stage, seconds: number): Promise<Rest> {
  const before = eachCpu(stage);
  await delay(seconds * 1_000);
  const after = eachCpu(stage);
  return eachPart((name) => (after[name] - before[name]) / seconds);
}

export async function measure(stage: Stage, { rate, seconds, bytes }: Plan, rest: Rest): Promise<Measured> {
  const { listener } = stage;
  listener.reset();
  const [before, startedAt] = [eachCpu(stage), now()];
  const printed = await stage.print({ perSecond: rate, seconds, bytes });
  const isOver = (): boolean => {
    const { delivered, unpublished, dropped, skippedBytes } = listener.heard;
    const isWhole = delivered + unpublished + dropped + Math.ceil(skippedBytes / bytes) >= printed;
    return isWhole || now() - listener.heardAt > quietMs;
  };
  await eventually(isOver, { withinMs: lateMostMs });
  const [after, spentMs] = [eachCpu(stage), now() - startedAt];
  const { delivered, unpublished, dropped, skippedBytes, disordered, recordBytes, latencies } =
    listener.heard;
  const sorted = latencies.toSorted((a, b) => a - b);
  return {
    rate,
    printed,
    delivered,
    told: { unpublished, dropped, skipped: Math.ceil(skippedBytes / bytes) },
    disordered,
    recordBytes: recordBytes / delivered,
    p50: percentile(sorted, 0.5),
    p99: percentile(sorted, 0.99),
    cpu: eachPart((name) => {
      const usedMs = after[name] - before[name] - (rest[name] * spentMs) / 1_000;
      return (usedMs * 1_000) / printed;
    }),
  };
}

function eachCpu({ mesh }: Stage): Record<PartName, number> {
  return eachPart((name) => cpuMs(mesh.pids[name]));
}

export function eachPart<T>(of: (name: PartName) => T): Record<PartName, T> {
  return Object.fromEntries(partNames.map((name) => [name, of(name)])) as Record<PartName, T>;
}
