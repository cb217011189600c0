import { median, percentile, table } from '../figures.ts';
import { load } from '../load.ts';
import { cpuMs } from '../program.ts';
import { HttpStage, invokeBody, invokePath } from './http-stage.ts';
import type { Gateway } from './http-stage.ts';

/** Over HTTP, 64 kept-alive connections with one invocation at a time each. */
interface Figures {
  perSecond: number;
  p50: number;
  /** CPU of the gateway in µs per invocation. */
  gateway: number;
}

export interface HttpCost {
  /** A gateway that asks nobody. */
  open: Figures;
  /** One that finds out who it is, with a key. */
  'with a key': Figures;
  /** The middle ones of those of each round. */
  ratios: Figures;
}

const connections = 64;

/** What it costs an invocation over HTTP that the gateway finds out by its key who sends it. */
export async function measureHttp(rounds: number, seconds: number): Promise<HttpCost> {
  await using stage = await HttpStage.start();
  const open = await stage.gateway({ noAuth: true });
  const asking = await stage.gateway();
  const key = await stage.newKey(['invoke:echo']);
  const sides = [() => measure(open, seconds), () => measure(asking, seconds, key)];
  const measured: [Figures, Figures][] = [];
  // The first one is for the compilers.
  for (let round = -1; round < rounds; round += 1) {
    const pair: Figures[] = [];
    // Each is first as often as the other.
    for (const side of round % 2 === 0 ? [0, 1] : [1, 0]) {
      const figures = await sides[side]?.();
      if (figures) pair[side] = figures;
    }
    const [without, beside] = pair;
    if (round >= 0 && without && beside) measured.push([without, beside]);
  }
  return {
    open: middleOf(measured.map(([without]) => without)),
    'with a key': middleOf(measured.map(([, beside]) => beside)),
    ratios: middleOf(
      measured.map(([without, beside]) => ({
        perSecond: beside.perSecond / without.perSecond,
        p50: beside.p50 / without.p50,
        gateway: beside.gateway / without.gateway,
      })),
    ),
  };
}

export function describeHttp({ ratios, ...sides }: HttpCost): string {
  const rows = Object.entries(sides).map(([name, { perSecond, p50, gateway }]) => [
    name,
    perSecond.toFixed(0),
    p50.toFixed(2),
    gateway.toFixed(1),
  ]);
  const ratio = ['ratio', ratios.perSecond.toFixed(3), ratios.p50.toFixed(3), ratios.gateway.toFixed(3)];
  const head = [`HTTP, ${connections} at a time`, 'per s', 'p50 ms', 'gateway µs'];
  return table([head, ...rows, ratio]);
}

async function measure({ port, pid }: Gateway, seconds: number, key?: string): Promise<Figures> {
  const before = cpuMs(pid);
  const result = await load({
    port,
    path: invokePath,
    body: invokeBody,
    connections,
    durationMs: seconds * 1_000,
    ...(key !== undefined && { key }),
  });
  const { answered, failed, latencies, durationMs } = result;
  if (failed > 0) throw new Error(`${failed} of ${answered + failed} invocations failed`);
  return {
    perSecond: (answered * 1_000) / durationMs,
    p50: percentile(latencies, 0.5),
    gateway: ((cpuMs(pid) - before) * 1_000) / answered,
  };
}

function middleOf(rounds: readonly Figures[]): Figures {
  return {
    perSecond: median(rounds.map(({ perSecond }) => perSecond)),
    p50: median(rounds.map(({ p50 }) => p50)),
    gateway: median(rounds.map(({ gateway }) => gateway)),
  };
}
