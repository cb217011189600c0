import { setTimeout as delay } from 'node:timers/promises';
import { median } from '../figures.ts';
import { cpuMs } from '../program.ts';
import { chunkEvents } from '../server-events.ts';
import { post } from './http-streams.ts';
import { countRaw, natsWords } from './nats-streams.ts';
import { SocketStreams } from './socket-streams.ts';
import { eachProcess, Stage } from './stage.ts';
import type { ProcessName } from './stage.ts';

/** Bytes of a chunk, and how many of them a slow reader takes in a second. */
export const sizes = [
  { bytes: 100, slowPerSecond: 2_000 },
  { bytes: 16 * 1_024, slowPerSecond: 500 },
  { bytes: 256 * 1_024, slowPerSecond: 40 },
] as const;
type Size = (typeof sizes)[number];

export const rateWays = [
  'bare',
  'nats 1',
  'nats 32',
  'nats 512',
  'nats',
  'sse',
  'ws',
  'nats slow',
  'sse slow',
  'ws slow',
] as const;
export type RateWay = (typeof rateWays)[number];

export interface Rate {
  perSecond: number;
  /** µs of a chunk, in each process. */
  cpu: Record<ProcessName, number>;
}

export interface RateResult {
  way: RateWay;
  bytes: number;
  /** The middle ones of the rounds. */
  rate: Rate;
  /** Of `bare` in the same round; of a slow reader, of what it would take. */
  ratio: number;
}

/** More than anybody can read in the time: it ends when its reader leaves. */
const endless = 1_000_000_000;
const socketWindow = 32;
/** Everything has been compiled, and flows, before it counts. */
const warmUpMs = 500;

/** Every way in turn, and all of it again in the next round. */
export async function measureRates(
  rounds: number,
  seconds: number,
  ways: readonly RateWay[],
): Promise<RateResult[]> {
  const measured = new Map<string, { way: RateWay; size: Size; rates: Rate[]; ratios: number[] }>();
  for (let round = 0; round < rounds; round += 1) {
    await using stage = await Stage.start();
    for (const size of sizes) {
      let bare = NaN;
      for (const way of ways) {
        const rate = await measure(stage, way, size, seconds * 1_000);
        if (way === 'bare') bare = rate.perSecond;
        const key = `${way} ${size.bytes}`;
        const all = measured.get(key) ?? { way, size, rates: [], ratios: [] };
        all.rates.push(rate);
        all.ratios.push(rate.perSecond / (isSlow(way) ? size.slowPerSecond : bare));
        measured.set(key, all);
      }
    }
  }
  return [...measured.values()].map(({ way, size, rates, ratios }) => ({
    way,
    bytes: size.bytes,
    rate: {
      perSecond: median(rates.map(({ perSecond }) => perSecond)),
      cpu: eachProcess((name) => median(rates.map(({ cpu }) => cpu[name]))),
    },
    ratio: median(ratios),
  }));
}

export function isSlow(way: RateWay): boolean {
  return way.endsWith(' slow');
}

async function measure(
  stage: Stage,
  way: RateWay,
  { bytes, slowPerSecond }: Size,
  forMs: number,
): Promise<Rate> {
  const counter = new Counter(stage, forMs);
  if (way === 'bare') {
    await countRaw(stage.connection, bytes, () => counter.isOverAfterNext());
    return counter.rate();
  }
  using stack = new DisposableStack();
  const chunks = await open(stage, way, bytes, stack);
  const pauseEvery = Math.max(1, Math.floor(slowPerSecond / 100));
  let read = 0;
  const startedAt = performance.now();
  for await (const _ of chunks) {
    if (counter.isOverAfterNext()) break;
    read += 1;
    if (!isSlow(way) || read % pauseEvery !== 0) continue;
    const dueAt = startedAt + (read * 1_000) / slowPerSecond;
    await delay(Math.max(0, dueAt - performance.now()));
  }
  return counter.rate();
}

async function open(
  { connection, port }: Stage,
  way: Exclude<RateWay, 'bare'>,
  bytes: number,
  stack: DisposableStack,
): Promise<AsyncIterable<unknown>> {
  const input = { chunks: endless, bytes };
  const [by, window] = way.split(' ');
  if (by === 'nats') return natsWords(connection, input, Number(window) || 'adaptive');
  if (by === 'sse')
    return chunkEvents(
      await post({ port, capability: 'words', payload: input, accept: 'text/event-stream' }),
    );
  const socket = stack.use(await SocketStreams.open(port));
  return socket.stream('words', input, socketWindow);
}

/** Counts from the end of the warm-up, and no longer than it should. */
class Counter {
  readonly #stage: Stage;
  readonly #fromAt = performance.now() + warmUpMs;
  readonly #forMs: number;
  #count = 0;
  #begun: { at: number; cpu: Record<ProcessName, number> } | undefined;
  #rate: Rate | undefined;

  constructor(stage: Stage, forMs: number) {
    this.#stage = stage;
    this.#forMs = forMs;
  }

  /** To be called for each chunk. @returns whether it was the last that counts */
  isOverAfterNext(): boolean {
    const now = performance.now();
    if (this.#rate) return true;
    if (!this.#begun) {
      if (now >= this.#fromAt) this.#begun = { at: now, cpu: this.#cpu() };
      return false;
    }
    this.#count += 1;
    const ms = now - this.#begun.at;
    if (ms < this.#forMs) return false;
    const { cpu: before } = this.#begun;
    const after = this.#cpu();
    this.#rate = {
      perSecond: (this.#count * 1_000) / ms,
      cpu: eachProcess((name) => ((after[name] - before[name]) * 1_000) / this.#count),
    };
    return true;
  }

  /** @throws Error when it has ended before */
  rate(): Rate {
    if (!this.#rate) throw new Error(`the stream has ended after ${this.#count} chunks, before its time`);
    return this.#rate;
  }

  #cpu(): Record<ProcessName, number> {
    return eachProcess((name) => cpuMs(this.#stage.pids[name]));
  }
}
