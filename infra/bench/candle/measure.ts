import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { problemOfMsg, subjects } from '@bkg/sdk';
import type { Connection } from '@bkg/sdk';
import { eventually, startNatsServer } from '@bkg/sdk/testing';
import { workload } from '../../../plugins/candle/test/sample-models.ts';
import { percentile } from '../figures.ts';
import { requestOf } from '../load.ts';
import { startPlugin } from '../plugin-process.ts';
import { Program } from '../program.ts';
import type { GatewayOptions } from '../programs/gateway.ts';
import { Wires } from '../wires.ts';
import { runAlone } from './work.ts';
import type { ModelName, Work } from './work.ts';

/**
 * - `alone`: a session of ONNX Runtime in a process, asked by nobody.
 * - `NATS`: `model.infer` of candle, with the model in a process of candle's.
 * - `HTTP`: the same through the gateway.
 */
export const ways = ['alone', 'NATS', 'HTTP'] as const;
export type Way = (typeof ways)[number];

export interface Measured {
  model: ModelName;
  way: Way;
  /** One at a time, in ms. */
  p50: number;
  p99: number;
}

const capability = 'model.infer';
/** The model is loaded with the first, and what is hot is compiled with the others. */
const warmUps = 50;
const answerMostMs = 60_000;

/** A place for the models, as candle finds them. */
export class Home implements AsyncDisposable {
  readonly path: string;

  static async make(): Promise<Home> {
    const home = new Home(await mkdtemp(path.join(tmpdir(), 'bkg-candle-')));
    await mkdir(path.dirname(home.workload), { recursive: true });
    await writeFile(home.workload, workload());
    return home;
  }

  constructor(folder: string) {
    this.path = folder;
  }

  /** The file of a model whose runs take as long as is asked for. */
  get workload(): string {
    return path.join(this.path, 'models/bench/workload.onnx');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return rm(this.path, { recursive: true, force: true });
  }
}

/** Broker, candle and gateway, fresh; each model, on each way in turn. */
export async function measure(home: Home, works: readonly Work[], runs: number): Promise<Measured[]> {
  await using broker = await startNatsServer({ jetstream: false });
  await using _candle = await startPlugin({ id: 'candle', broker, home: home.path });
  const { url, credentials } = broker;
  const options: GatewayOptions = { url, credentials, joinWrites: true, noAuth: true };
  await using gateway = await Program.start('gateway.ts', options);
  using wires = new Wires({ port: Number(gateway.ready) });
  const connection = await broker.connect('bench');
  const results: Measured[] = [];
  for (const { model, session, payload } of works) {
    const request = requestOf({
      port: Number(gateway.ready),
      path: `/api/plugins/candle/invoke/${capability}`,
      body: payload,
    });
    // From when it is there.
    await eventually(() => ask(connection, payload), { withinMs: answerMostMs, everyMs: 100 });
    const times: Record<Way, () => Promise<number[]>> = {
      alone: () => runAlone(session, { warmUps, runs }),
      NATS: () => timesOf(runs, () => ask(connection, payload)),
      HTTP: () => timesOf(runs, () => askHttp(wires, request)),
    };
    for (const way of ways) {
      const tookMs = (await times[way]()).sort((a, b) => a - b);
      results.push({ model, way, p50: percentile(tookMs, 0.5), p99: percentile(tookMs, 0.99) });
    }
  }
  return results;
}

async function timesOf(runs: number, run: () => Promise<unknown>): Promise<number[]> {
  const tookMs: number[] = [];
  for (let i = 0; i < warmUps + runs; i += 1) {
    const startedAt = performance.now();
    await run();
    if (i >= warmUps) tookMs.push(performance.now() - startedAt);
  }
  return tookMs;
}

/** @throws Error with what was answered instead of a result */
async function ask(connection: Connection, payload: string): Promise<true> {
  const subject = subjects.invokeCapability('candle', capability);
  const problem = problemOfMsg(await connection.request(subject, payload, { timeoutMs: answerMostMs }));
  if (problem) throw new Error(`${capability} was answered ${problem.code}: ${problem.detail}`);
  return true;
}

async function askHttp(wires: Wires, request: Buffer): Promise<void> {
  const status = await wires.ask(request);
  if (status !== 200) throw new Error(`${capability} was answered ${status} over HTTP`);
}
