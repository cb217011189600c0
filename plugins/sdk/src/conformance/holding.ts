import type { Connection } from '../connection.ts';
import { delay } from '../host/delay.ts';
import { subjects } from '../protocol/subjects.ts';
import { parsedJson } from './answers.ts';
import { valuesAt } from './places.ts';
import type { Target } from './target.ts';
import { Broken } from './verdict.ts';

/** Those of the ids that the plugin says it holds; none when it does not say. */
export async function heldOf(
  connection: Connection,
  target: Target,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<unknown[]> {
  const replies = await connection.requestMany(
    subjects.inflight(target.id),
    JSON.stringify({ invocation_ids: ids }),
    { forMs: 500, most: target.instances.length, signal },
  );
  const held = replies.flatMap((reply) => valuesAt(parsedJson(reply.string()), '/invocation_ids/*'));
  return held.filter((id) => ids.includes(id as string));
}

/** Waits until all of them are held, or none is. @throws Broken when that takes longer */
export async function untilHeld(
  connection: Connection,
  target: Target,
  { ids, isHeld, withinMs }: { ids: readonly string[]; isHeld: boolean; withinMs: number },
  signal: AbortSignal,
): Promise<void> {
  const until = performance.now() + withinMs;
  let count: number;
  do {
    count = (await heldOf(connection, target, ids, signal)).length;
    if (count === (isHeld ? ids.length : 0)) return;
    await delay(20, signal);
  } while (performance.now() < until);
  throw new Broken(
    isHeld ? 'the invocation in flight' : 'the invocation in flight no more',
    `${count} of ${ids.length} after ${withinMs} ms`,
  );
}
