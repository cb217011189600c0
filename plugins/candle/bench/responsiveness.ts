import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';
import { problemOfMsg, subjects, type Connection, type StatusEvent } from '@bkg/sdk';
import { eventually, startNatsServer } from '@bkg/sdk/testing';
import { heavy, temporaryFolder, workload } from '../test/sample-models.ts';

/**
 * How soon candle answers `plugin.candle.status` while it does nothing, loads a model of 90 MB, and runs a model for
 * 250 ms, with its default settings, as the program that a mesh starts. Run it after a build:
 *
 *   node plugins/candle/bench/responsiveness.ts
 *
 * Ends with code 1 when a p99 is over 20 ms.
 */
const LIMIT_MS = 20;
const EVERY_MS = 2;
const LOADS = 12;
const RUNS = 40;
const RUN_MS = 250;

const program = fileURLToPath(new URL('../dist/main.js', import.meta.url));
if (!existsSync(program)) throw new Error(`${program} is missing: build candle first`);

await using server = await startNatsServer({ jetstream: false });
await using home = await temporaryFolder();
await home.write('models/bench/heavy.onnx', heavy(90));
await home.write('models/bench/workload.onnx', workload());
const candle = spawn(process.execPath, [program], {
  env: {
    PATH: process.env['PATH'],
    BKG_PLUGIN_ID: 'candle',
    BKG_INSTANCE_ID: 'bench',
    BKG_NATS_URL: server.url,
    BKG_CREDENTIALS_FILE: server.credentialsFile,
    BKG_DATA_DIR: `${home.path}/data/candle`,
    BKG_HOME: home.path,
  },
  stdio: ['ignore', 'ignore', 'inherit'],
});
const ended = new Promise((resolve) => candle.once('close', resolve));
try {
  process.exitCode = (await measure(await server.connect('bench'))) ? 0 : 1;
} finally {
  candle.kill('SIGTERM');
  await ended;
}

/** Prints a line per situation. True when every p99 is within the limit. */
async function measure(caller: Connection): Promise<boolean> {
  await eventually(async () => {
    const [reply] = await caller.requestMany(subjects.status('candle'), '', { forMs: 200, most: 1 });
    return reply?.json<StatusEvent>().status === 'running';
  });
  const size = await sizeFor(caller, RUN_MS);
  // Once untimed: the first use of each capability compiles its schemas.
  await load(caller);
  await delay(1_000);

  console.log(
    `${availableParallelism()} cores, load ${loadavg()[0]!.toFixed(1)}, status asked every ${EVERY_MS} ms`,
  );
  const p99s = [
    await sample(caller, 'idle', 1, () => delay(5_000)),
    await sample(caller, 'loading 90 MB', LOADS, () => load(caller)),
    await sample(caller, 'running', RUNS, () => run(caller, size)),
  ];
  return p99s.every((p99) => p99 <= LIMIT_MS);
}

/** Asks for the status while `work` is done so many times. The p99 of the answers in ms. */
async function sample(
  caller: Connection,
  name: string,
  repeats: number,
  work: () => Promise<unknown>,
): Promise<number> {
  const times: number[] = [];
  let busy = true;
  const working = repeat(repeats, work).finally(() => (busy = false));
  const startedAt = performance.now();
  while (busy) {
    const askedAt = performance.now();
    const replies = await caller.requestMany(subjects.status('candle'), '', { forMs: 10_000, most: 1 });
    if (replies.length === 0) throw new Error('status was not answered within 10 s');
    times.push(performance.now() - askedAt);
    await delay(EVERY_MS);
  }
  await working;
  const seconds = (performance.now() - startedAt) / 1_000;
  times.sort((a, b) => a - b);
  const at = (share: number): number => times[Math.min(times.length - 1, Math.floor(times.length * share))]!;
  const figures = [`p50 ${at(0.5).toFixed(2)}`, `p99 ${at(0.99).toFixed(2)}`, `max ${at(1).toFixed(2)}`];
  const what = `${name}, ${repeats} × ${Math.round((seconds * 1_000) / repeats)} ms`;
  console.log(`${what}: ${figures.join(', ')} ms (${times.length} answers)`);
  return at(0.99);
}

async function repeat(times: number, work: () => Promise<unknown>): Promise<void> {
  for (let i = 0; i < times; i++) await work();
}

/** Out of memory and in again. */
async function load(caller: Connection): Promise<void> {
  await ask(caller, 'model.load', { model_id: 'bench/heavy' });
  await ask(caller, 'model.unload', { model_id: 'bench/heavy' });
}

async function run(caller: Connection, n: number): Promise<number> {
  const size = { name: 'size', datatype: 'INT64', shape: [2], data: [n, n] };
  const startedAt = performance.now();
  await ask(caller, 'model.infer', { model_id: 'bench/workload', inputs: [size], outputs: ['sum'] });
  return performance.now() - startedAt;
}

/** The size of the matrices that keeps this machine busy for about so long. */
async function sizeFor(caller: Connection, ms: number): Promise<number> {
  let n = 400;
  for (let i = 0; i < 8; i++) {
    await run(caller, n);
    n = Math.round(n * Math.cbrt(ms / (await run(caller, n))));
  }
  return n;
}

async function ask(caller: Connection, capability: string, payload: unknown): Promise<void> {
  const subject = subjects.invokeCapability('candle', capability);
  const problem = problemOfMsg(await caller.request(subject, JSON.stringify(payload), { timeoutMs: 30_000 }));
  if (problem) throw new Error(`${capability}: ${problem.detail}`);
}
