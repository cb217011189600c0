import { offer } from '../limits/offer.ts';
import type { Outcome } from '../limits/offer.ts';
import { ascending, percentile } from '../figures.ts';
import { requestOf } from '../load.ts';
import { Wires } from '../wires.ts';
import { causes } from './causes.ts';
import type { Cause, CauseName } from './causes.ts';
import { clockMs, clockSubject, sleeper } from './plugin.ts';
import { Stage } from './stage.ts';

export const situations = ['idle', 'under load'] as const;
export type Situation = (typeof situations)[number];

/** No cause, but what any message takes from here to the plugin on this machine, at this time. */
export const control = 'a bare message';
type Measured = CauseName | typeof control;

export interface Result {
  cause: Measured;
  situation: Situation;
  /** Ms from the cause until the handler's signal has aborted. */
  count: number;
  p50: number;
  p99: number;
  most: number;
}

export interface LoadFigures {
  sent: number;
  failed: number;
}

/** At the same time, each with causes in turn. */
const lanes = 4;
/** The situations take turns after so many of each cause. */
const block = 50;

/** @param perSecond invocations that go through gateway and plugin meanwhile, half of the time */
export async function measure(
  samples: number,
  perSecond: number,
): Promise<{ results: Result[]; load: LoadFigures }> {
  await using stage = await Stage.start();
  const names: Measured[] = [...(Object.keys(causes) as CauseName[]), control];
  const times = new Map<string, number[]>();
  const load = { sent: 0, failed: 0 };
  // Compilers have their turn before it counts.
  await cancelMany(stage, names, lanes, () => undefined);
  for (let done = 0; done < samples; done += block)
    for (const situation of situations) {
      const count = Math.min(block, samples - done);
      const note = (name: Measured, ms: number): void => {
        const key = `${name} ${situation}`;
        times.set(key, [...(times.get(key) ?? []), ms]);
      };
      const work = cancelMany(stage, names, count, note);
      if (situation === 'idle') await work;
      else await beside(stage.port, perSecond, work, load);
    }
  const results = names.flatMap((cause) =>
    situations.map((situation) => figuresOf(cause, situation, times.get(`${cause} ${situation}`) ?? [])),
  );
  return { results, load };
}

async function cancelMany(
  stage: Stage,
  names: readonly Measured[],
  count: number,
  note: (name: Measured, ms: number) => void,
): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count * names.length) {
      const name = names[next % names.length]!;
      next += 1;
      note(name, name === control ? await tellOnce(stage) : await cancelOnce(stage, causes[name]));
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

/** @returns ms */
async function cancelOnce(stage: Stage, cause: Cause): Promise<number> {
  const key = stage.newKey();
  const begun = stage.sees('begun', key);
  const aborted = stage.sees('aborted', key);
  const end = await cause(stage, key);
  await Promise.race([begun, aborted]);
  const [at, abortedAt] = await Promise.all([end(), aborted]);
  return abortedAt - at;
}

/** @returns ms */
async function tellOnce({ connection }: Stage): Promise<number> {
  const at = clockMs();
  const reply = await connection.nats.request(clockSubject, '', { timeout: 10_000 });
  return Number(reply.string()) - at;
}

/** The same while others invoke the plugin, too. */
async function beside(
  port: number,
  perSecond: number,
  work: Promise<void>,
  load: LoadFigures,
): Promise<void> {
  using wires = new Wires({ port });
  const path = `/api/plugins/${sleeper}/invoke/say`;
  const request = requestOf({ port, path, body: JSON.stringify({ text: 'hello' }) });
  let isOver = false;
  const done = work.finally(() => (isOver = true));
  const send = async (): Promise<Outcome> => ((await wires.ask(request)) === 200 ? 'admitted' : 'failed');
  while (!isOver) {
    const { sent, failed } = await offer(perSecond, 0.5, send);
    load.sent += sent;
    load.failed += failed;
  }
  await done;
}

function figuresOf(cause: Measured, situation: Situation, unsorted: readonly number[]): Result {
  const sorted = [...unsorted].sort(ascending);
  return {
    cause,
    situation,
    count: sorted.length,
    p50: percentile(sorted, 0.5),
    p99: percentile(sorted, 0.99),
    most: sorted.at(-1) ?? NaN,
  };
}
