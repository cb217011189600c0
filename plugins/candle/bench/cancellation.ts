import { availableParallelism, loadavg } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { CrashLog } from '../src/crash-log.ts';
import type { Tensor } from '../src/datatypes.ts';
import { Model } from '../src/model.ts';
import { cpuMsOf } from '../test/candle-mesh.ts';
import { limit, temporaryFolder, workload } from '../test/sample-models.ts';

/**
 * How long the process of a model is at work after the only one who waited for its run has given up, and how soon the next
 * invocation is answered. With the default, which lets a run go on for as long as another process takes to be there, and with
 * none of that.
 *
 *   node plugins/candle/bench/cancellation.ts
 */
const ROUNDS = 20;

await using folder = await temporaryFolder();
const path = await folder.write('model.onnx', workload());
console.log(
  `${availableParallelism()} cores, load ${loadavg()[0]!.toFixed(1)}, ${ROUNDS} cancels of a long run`,
);
await measure('abandoned_run_secs 5, the default', 5_000);
await measure('abandoned_run_secs 0', 0);

async function measure(name: string, abandonedRunMs: number): Promise<void> {
  const model = new Model(
    { model_id: 'bench/workload', source: 'models', path, sizeBytes: 1, identity: 'x' },
    {
      process: { threads: 1, loadTimeoutMs: 60_000 },
      maxQueue: 8,
      abandonedRunMs,
      crashes: new CrashLog(),
      onCrash: (_, how) => console.log(`unexpected: ${how}`),
      onRestored: () => undefined,
      onLost: (_, error) => console.log('unexpected', error),
    },
  );
  const idle: number[] = [];
  const answered: number[] = [];
  await model.load();
  for (let i = 0; i < ROUNDS; i++) {
    await run(model, 64, new AbortController().signal);
    const pid = model.pid!;
    const controller = new AbortController();
    const endless = run(model, 6_000, controller.signal).catch(() => undefined);
    const before = cpuMsOf(pid);
    while (cpuMsOf(pid) < before + 100) await delay(5);
    const cancelledAt = performance.now();
    controller.abort(new Error('cancelled'));
    await endless;
    const next = run(model, 64, new AbortController().signal).then(() =>
      answered.push(performance.now() - cancelledAt),
    );
    while (isAlive(pid)) await delay(1);
    idle.push(performance.now() - cancelledAt);
    await next;
  }
  await model.close();
  console.log(`${name}: process idle ${figures(idle)}, next invocation answered ${figures(answered)}`);
}

function run(model: Model, n: number, signal: AbortSignal): Promise<Tensor[]> {
  const data = BigInt64Array.of(BigInt(n), BigInt(n));
  return model.infer([{ name: 'size', datatype: 'INT64', shape: [2], data }], ['sum'], limit, signal);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function figures(times: number[]): string {
  times.sort((a, b) => a - b);
  const at = (share: number): string =>
    times[Math.min(times.length - 1, Math.floor(times.length * share))]!.toFixed(0);
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`;
}
