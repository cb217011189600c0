/** Guesses keys at a fixed rate, in a thread of its own. Options: `GuesserOptions`; posts a `Guessed` when it is done. */
import { setTimeout as delay } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { Wires } from '../wires.ts';
import { wrongRequest } from './wrong-requests.ts';
import type { Guess } from './wrong-requests.ts';

export interface GuesserOptions {
  port: number;
  localAddress: string;
  perSecond: number;
  seconds: number;
  guess: Guess;
  prefix: string;
}

export interface Guessed {
  /** In the order in which they were sent. */
  statuses: number[];
  /** It really took so long to send them. */
  seconds: number;
}

const { port, localAddress, perSecond, seconds, guess, prefix } = workerData as GuesserOptions;
using wires = new Wires({ port, localAddress, most: 1_000 });
const total = perSecond * seconds;
const underWay: Promise<number>[] = [];
const startedAt = performance.now();
while (underWay.length < total) {
  const due = Math.min(total, Math.ceil(((performance.now() - startedAt) * perSecond) / 1_000));
  while (underWay.length < due) underWay.push(wires.ask(wrongRequest(guess, port, prefix)));
  await delay(1);
}
const tookMs = performance.now() - startedAt;
const statuses = await Promise.all(underWay);
parentPort?.postMessage({ statuses, seconds: tookMs / 1_000 } satisfies Guessed);
