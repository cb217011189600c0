import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { parseKey } from '@bkg/sdk/access';
import { endWith, sayUnless } from '../command.ts';
import { median, percentile, table } from '../figures.ts';
import { requestOf } from '../load.ts';
import { amount, defineOptions, isJson, optionsOrEnd, words } from '../options.ts';
import { Wires } from '../wires.ts';
import type { Guessed, GuesserOptions } from './guesser.ts';
import { HttpStage, invokeBody, invokePath } from './http-stage.ts';
import type { Gateway } from './http-stage.ts';
import type { Guess } from './wrong-requests.ts';

/**
 * What somebody who guesses 1,000 keys a second costs those who have one: invocations at a fixed rate, in turns beside
 * the flood and without it. Also how many of the guesses were looked at: 19 in ten seconds, the rest is 429. Ends with
 * code 1 when more were, when an invocation failed, or when it takes more than 1.3 times as long in the middle.
 *
 *   node infra/bench/access/flood.ts [--rounds 5] [--seconds 8] [--rate 100] [--guesses 1000] [--window 10] [--floods keys,near,secrets,sessions] [--json]
 */

interface Flood {
  id: string;
  what: string;
  guess: Guess;
  from: string;
}

interface Half {
  p50: number;
  p99: number;
}

interface Result {
  what: string;
  without: Half;
  beside: Half;
  /** The middle ones of those of each round. */
  ratio: Half;
  perSecond: number;
  /** Of each flood: how many were answered so, and which was the first one with 429, from 1. */
  unauthenticated: number[];
  limited: number[];
  firstLimited: number[];
  others: number;
}

const valid = '127.0.0.1';
const other = '127.0.0.2';
const allFloods: Flood[] = [
  { id: 'keys', what: 'keys', guess: 'keys', from: other },
  { id: 'near', what: 'keys, from the same address', guess: 'keys', from: valid },
  { id: 'secrets', what: 'secrets of the valid key', guess: 'secrets', from: other },
  { id: 'sessions', what: 'sessions', guess: 'sessions', from: other },
];
const mostRatio = 1.3;
/** Failures in ten seconds; the next is not looked at. */
const looksMost = 19;

const read = defineOptions({
  rounds: amount(1, 100, 5),
  /** Of each half of a round; less than the window, so that nothing is looked at anew within it. */
  seconds: amount(1, 59, 8),
  /** Invocations a second with the valid key. */
  rate: amount(1, 1_000, 100),
  guesses: amount(50, 5_000, 1_000),
  /** Of the gateway's throttle, in seconds; another one than its own only to try this out. */
  window: amount(2, 60, 10),
  floods: words(allFloods.map(({ id }) => id)),
  isJson,
});
const options = optionsOrEnd((args) => {
  const all = read(args);
  if (all.seconds < all.window) return all;
  throw new Error(`--seconds is "${all.seconds}"; it has to be less than --window, which is ${all.window}.`);
});

await using stage = await HttpStage.start();
const gateway = await stage.gateway({ attempts: { most: looksMost, windowMs: options.window * 1_000 } });
/** Until nothing is held against anybody any more. */
const quietMs = options.window * 1_000 + 500;
const key = await stage.newKey(['invoke:echo']);
const prefix = parseKey(key)?.prefix ?? '';
// Compilers have their turn before it counts.
await invoke(3);
await guess({ id: '', what: '', guess: 'keys', from: other }, 2);
await delay(quietMs);
const results: Result[] = [];
for (const flood of allFloods) if (options.floods.includes(flood.id)) results.push(await measure(flood));
const flaws = results.flatMap(flawsOf);
endWith({ flaws, tables: describe(results), figures: { results } }, sayUnless(options.isJson));

async function measure(flood: Flood): Promise<Result> {
  const without: Half[] = [];
  const beside: Half[] = [];
  const guessed: Guessed[] = [];
  for (let round = 0; round < options.rounds; round += 1) {
    // Each is first as often as the other.
    for (const isThere of round % 2 === 0 ? [false, true] : [true, false]) {
      const running = isThere ? guess(flood, options.seconds) : undefined;
      (isThere ? beside : without).push(await invoke(options.seconds));
      if (!running) continue;
      guessed.push(await running);
      await delay(quietMs);
    }
  }
  const middle = (halves: readonly Half[]): Half => ({
    p50: median(halves.map(({ p50 }) => p50)),
    p99: median(halves.map(({ p99 }) => p99)),
  });
  const ratios = without.map(({ p50, p99 }, i) => ({
    p50: (beside[i]?.p50 ?? NaN) / p50,
    p99: (beside[i]?.p99 ?? NaN) / p99,
  }));
  const count = (isMeant: (status: number) => boolean): number[] =>
    guessed.map(({ statuses }) => statuses.filter(isMeant).length);
  return {
    what: flood.what,
    without: middle(without),
    beside: middle(beside),
    ratio: middle(ratios),
    perSecond: median(guessed.map(({ statuses, seconds }) => statuses.length / seconds)),
    unauthenticated: count((status) => status === 401),
    limited: count((status) => status === 429),
    firstLimited: guessed.map(({ statuses }) => statuses.indexOf(429) + 1),
    others: count((status) => status !== 401 && status !== 429).reduce((sum, n) => sum + n, 0),
  };
}

/** Of invocations with the valid key, in ms from when each was sent. */
async function invoke(seconds: number): Promise<Half> {
  using wires = new Wires({ port: gateway.port, localAddress: valid });
  const request = requestOf({ port: gateway.port, path: invokePath, body: invokeBody, key });
  const latencies: number[] = [];
  const one = async (): Promise<void> => {
    const sentAt = performance.now();
    const status = await wires.ask(request);
    if (status !== 200) throw new Error(`an invocation with the valid key was answered with ${status}`);
    latencies.push(performance.now() - sentAt);
  };
  const underWay: Promise<void>[] = [];
  const startedAt = performance.now();
  for (let n = 0; n < seconds * options.rate; n += 1) {
    await delay(Math.max(0, startedAt + (n * 1_000) / options.rate - performance.now()));
    underWay.push(one());
  }
  await Promise.all(underWay);
  latencies.sort((a, b) => a - b);
  return { p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99) };
}

function guess({ guess: way, from }: Flood, seconds: number): Promise<Guessed> {
  const { port }: Gateway = gateway;
  const workerData: GuesserOptions = {
    port,
    localAddress: from,
    perSecond: options.guesses,
    seconds,
    guess: way,
    prefix,
  };
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('guesser.ts', import.meta.url), { workerData });
    worker.once('message', (guessed: Guessed) => resolve(guessed));
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error('the thread that guesses has ended without a word')));
  });
}

/** What is not as it has to be, a sentence each. */
function flawsOf({ what, ratio, unauthenticated, others, limited }: Result): string[] {
  return [
    ratio.p50 > mostRatio && `${what}: an invocation takes ${ratio.p50.toFixed(2)} times as long`,
    unauthenticated.some((n) => n > looksMost) &&
      `${what}: ${Math.max(...unauthenticated)} were looked at within a window, and at most ${looksMost} may be`,
    limited.some((n) => n === 0) && `${what}: none was refused with 429, so that nothing was measured`,
    others > 0 && `${what}: ${others} were answered with neither 401 nor 429`,
  ].filter((flaw) => flaw !== false);
}

function describe(all: readonly Result[]): string {
  const head = [
    `${options.guesses} wrong … a second`,
    'p50 ms',
    'beside it',
    'ratio',
    'p99 ms',
    'beside it',
    'ratio',
    '401',
    '429',
    'first 429',
    'per s',
  ];
  const rows = all.map((one) => [
    one.what,
    one.without.p50.toFixed(2),
    one.beside.p50.toFixed(2),
    one.ratio.p50.toFixed(2),
    one.without.p99.toFixed(2),
    one.beside.p99.toFixed(2),
    one.ratio.p99.toFixed(2),
    rangeOf(one.unauthenticated),
    rangeOf(one.limited),
    rangeOf(one.firstLimited),
    one.perSecond.toFixed(0),
  ]);
  return `medians of ${options.rounds} rounds; ${options.rate} invocations a second with the valid key\n${table([head, ...rows])}`;
}

function rangeOf(values: readonly number[]): string {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return least === most ? String(least) : `${least}-${most}`;
}
