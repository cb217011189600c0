import { problemOfMsg, subjects } from '@bkg/sdk';
import type { Connection, Credentials } from '@bkg/sdk';
import { runBenchmark } from '../command.ts';
import { median, percentile, table } from '../figures.ts';
import { amount, defineOptions, isJson } from '../options.ts';
import type { ValuesOf } from '../options.ts';
import { describeHttp, measureHttp } from './http-cost.ts';
import { Stage, sides } from './stage.ts';
import type { Side } from './stage.ts';

/**
 * What it costs that nats-server asks who a client is, and lets through what that one may: a connection of an instance
 * and of an API key, until the broker has answered its first question, and an invocation over one that is there; beside
 * the same with a user that the server knows and that may do everything. And what it costs an invocation over HTTP that the
 * gateway asks for a key. Rounds are interleaved. Fails when an invocation failed.
 *
 *   node infra/bench/access/run.ts [--rounds 7] [--connects 30] [--invocations 3000] [--seconds 3] [--json]
 */
const readOptions = defineOptions({
  rounds: amount(1, 1_000, 7),
  /** Of each kind in each round, one after the other. */
  connects: amount(1, 100_000, 30),
  /** One after the other, and as many 64 at a time. */
  invocations: amount(1, 1_000_000, 3_000),
  /** Of each side over HTTP in each round. */
  seconds: amount(1, 600, 3),
  isJson,
});
type Options = ValuesOf<typeof readOptions>;

interface Figures {
  /** The middle one of a round, in ms. */
  instance: number;
  key: number;
  invocation: number;
  p99: number;
  perSecond: number;
}

const atATime = 64;
const timeoutMs = 5_000;
const subject = subjects.invokeCapability('echo', 'say');
const payload = JSON.stringify({ text: 'x'.repeat(100) });

await runBenchmark(readOptions, async (options) => {
  const { rounds, seconds } = options;
  const { middles, ratios } = await measureBroker(options);
  const http = await measureHttp(rounds, seconds);
  return {
    flaws: [],
    tables: `${describe(options, middles, ratios)}\n${describeHttp(http)}`,
    figures: { rounds, ...middles, ratios, http },
  };
});

async function measureBroker(options: Options): Promise<{ middles: Record<Side, Figures>; ratios: Figures }> {
  const measured = { known: [] as Figures[], 'asked for': [] as Figures[] };
  await using stages = new AsyncDisposableStack();
  const at: Record<Side, Stage> = {
    known: stages.use(await Stage.start('known')),
    'asked for': stages.use(await Stage.start('asked for')),
  };
  // Compilers have their turn before it counts.
  for (const side of sides) await measure(at[side], { ...options, connects: 5 });
  for (let round = 0; round < options.rounds; round += 1) {
    // Each is first as often as the other.
    for (const side of round % 2 === 0 ? sides : sides.toReversed())
      measured[side].push(await measure(at[side], options));
  }
  const middles = {
    known: middleOf(measured.known),
    'asked for': middleOf(measured['asked for']),
  };
  return { middles, ratios: ratiosOf(measured) };
}

async function measure(stage: Stage, { connects, invocations }: Options): Promise<Figures> {
  const instance = await connectTimes(stage, stage.instance, connects);
  const key = await connectTimes(stage, stage.client, connects);
  const client = await stage.connect(stage.client);
  try {
    const alone = await load(client, invocations, 1);
    const together = await load(client, invocations, atATime);
    return {
      instance: median(instance),
      key: median(key),
      invocation: percentile(alone.latencies, 0.5),
      p99: percentile(alone.latencies, 0.99),
      perSecond: (invocations * 1_000) / together.tookMs,
    };
  } finally {
    await client.close();
  }
}

/** In ms, until the broker has answered. */
async function connectTimes(stage: Stage, credentials: Credentials, count: number): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < count; i += 1) {
    const startedAt = performance.now();
    const connection = await stage.connect(credentials);
    if (!(await connection.flush())) throw new Error('a connection was lost');
    times.push(performance.now() - startedAt);
    await connection.close();
  }
  return times;
}

/** @returns latencies in ms, ascending */
async function load(
  client: Connection,
  count: number,
  most: number,
): Promise<{ latencies: number[]; tookMs: number }> {
  const latencies: number[] = [];
  let left = count;
  const startedAt = performance.now();
  const work = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const sentAt = performance.now();
      const problem = problemOfMsg(await client.request(subject, payload, { timeoutMs }));
      if (problem) throw new Error(`an invocation failed: ${problem.detail}`);
      latencies.push(performance.now() - sentAt);
    }
  };
  await Promise.all(Array.from({ length: most }, work));
  return { latencies: latencies.sort((a, b) => a - b), tookMs: performance.now() - startedAt };
}

function middleOf(rounds: readonly Figures[]): Figures {
  const of = (pick: (one: Figures) => number): number => median(rounds.map(pick));
  return {
    instance: of((one) => one.instance),
    key: of((one) => one.key),
    invocation: of((one) => one.invocation),
    p99: of((one) => one.p99),
    perSecond: of((one) => one.perSecond),
  };
}

/** Of each round with itself, and of those the middle: what slows the machine down slows both. */
function ratiosOf(measured: Record<Side, readonly Figures[]>): Figures {
  return middleOf(
    measured.known.map((known, i) => {
      const asked = measured['asked for'][i] ?? known;
      return {
        instance: asked.instance / known.instance,
        key: asked.key / known.key,
        invocation: asked.invocation / known.invocation,
        p99: asked.p99 / known.p99,
        perSecond: asked.perSecond / known.perSecond,
      };
    }),
  );
}

function describe({ rounds }: Options, middles: Record<Side, Figures>, ratios: Figures): string {
  const row = (
    name: string,
    { instance, key, invocation, p99, perSecond }: Figures,
    digits: number,
  ): string[] => [
    name,
    instance.toFixed(2),
    key.toFixed(2),
    invocation.toFixed(digits),
    p99.toFixed(digits),
    perSecond.toFixed(digits === 3 ? 0 : 2),
  ];
  const head = [
    '',
    'instance connects ms',
    'key connects ms',
    'invocation p50 ms',
    'p99 ms',
    `${atATime} at a time, per s`,
  ];
  const rows = sides.map((side) => row(side, middles[side], 3));
  return `medians of ${rounds} rounds, and of the ratios of each\n${table([head, ...rows, row('ratio', ratios, 2)])}\n`;
}
