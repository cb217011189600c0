import type { Connection } from '../connection.ts';
import { delay } from '../host/delay.ts';
import { subjects } from '../protocol/subjects.ts';
import { parsedJson } from './answers.ts';
import { valuesAt } from './places.ts';
import type { Target } from './target.ts';
import { Broken, NotTried } from './verdict.ts';

export interface Tally {
  requests: number;
  errors: number;
}

const answerMs = 1_000;
/** Time for the plugin to count what it has just answered. */
const settleMs = 2_000;

/** The sum over all instances and their endpoints. */
export async function readTally(connection: Connection, target: Target, signal: AbortSignal): Promise<Tally> {
  const replies = await connection.requestMany(subjects.service('STATS', target.id), '', {
    forMs: answerMs,
    most: target.instances.length,
    signal,
  });
  if (replies.length < target.instances.length)
    throw new Broken(
      `STATS of ${target.instances.length} instances`,
      `${replies.length} within ${answerMs} ms`,
    );
  const bodies = replies.map((reply) => parsedJson(reply.string()));
  const sum = (pointer: string): number =>
    bodies.flatMap((body) => valuesAt(body, pointer)).reduce<number>((total, n) => total + Number(n), 0);
  return { requests: sum('/endpoints/*/num_requests'), errors: sum('/endpoints/*/num_errors') };
}

/** @throws NotTried when the numbers move although we send nothing: then nothing can be said about them */
export async function assertQuiet(
  connection: Connection,
  target: Target,
  forMs: number,
  signal: AbortSignal,
): Promise<void> {
  const before = await readTally(connection, target, signal);
  await delay(forMs, signal);
  const after = await readTally(connection, target, signal);
  if (after.requests !== before.requests || after.errors !== before.errors)
    throw new NotTried('somebody else invokes the plugin at the same time: try again when nobody does');
}

/** @throws Broken when the numbers do not become `before` and `by`; NotTried when somebody else moves them too */
export async function assertMoved(
  connection: Connection,
  target: Target,
  before: Tally,
  by: Tally,
  signal: AbortSignal,
): Promise<void> {
  const until = performance.now() + settleMs;
  let moved: Tally;
  do {
    const now = await readTally(connection, target, signal);
    moved = { requests: now.requests - before.requests, errors: now.errors - before.errors };
    if (moved.requests === by.requests && moved.errors === by.errors) return;
    await delay(50, signal);
  } while (performance.now() < until);
  await assertQuiet(connection, target, 300, signal);
  const told = ({ requests, errors }: Tally): string => `${requests} requests and ${errors} errors more`;
  throw new Broken(`${told(by)} in STATS`, told(moved));
}
