import type { Connection } from '../connection.ts';
import { delay } from '../host/delay.ts';
import { problemOfMsg } from '../problem.ts';
import { subjects } from '../protocol/subjects.ts';
import { parsedJson } from './answers.ts';
import { valuesAt } from './places.ts';
import type { Target } from './target.ts';
import { Broken } from './verdict.ts';

/** How an instance is asked to end. */
export type AskToDrain = (instance: string) => Promise<void>;

/** The way that is there: the supervisor's for a managed plugin, else the instance's own. */
export function drainOf(connection: Connection, target: Target): AskToDrain {
  return target.isManaged
    ? () => restart(connection, target.id)
    : (instance) => order(connection, target.id, instance);
}

async function restart(connection: Connection, pluginId: string): Promise<void> {
  const reply = await connection.request(subjects.control('restart', pluginId), '{"wait":false}', {
    timeoutMs: 10_000,
  });
  const problem = problemOfMsg(reply);
  if (problem) throw new Error(`The supervisor does not restart ${pluginId}: ${problem.detail}`);
}

async function order(connection: Connection, pluginId: string, instance: string): Promise<void> {
  const subject = subjects.drain(pluginId, instance);
  const [reply] = await connection.requestMany(subject, '', { forMs: 2_000, most: 1 });
  const text = reply?.string();
  if (text !== undefined && valuesAt(parsedJson(text), '/ok').includes(true)) return;
  throw new Broken(`{"ok": true} on ${subject}`, text ?? 'no answer');
}

/** @throws Broken when the instance still answers after the time */
export async function untilGone(
  connection: Connection,
  { id }: Target,
  instance: string,
  withinMs: number,
  signal: AbortSignal,
): Promise<void> {
  const subject = subjects.service('PING', id, instance);
  const until = performance.now() + withinMs;
  while (performance.now() < until) {
    const answers = await connection.requestMany(subject, '', { forMs: 500, most: 1, signal });
    if (answers.length === 0) return;
    await delay(50, signal);
  }
  throw new Broken(`the end of the instance within ${withinMs} ms`, 'it still answers PING');
}
