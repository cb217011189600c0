import { createToken, headerNames, problemOfMsg, subjects } from '@bkg/sdk';
import type { Connection } from '@bkg/sdk';
import { streamer } from './plugin.ts';
import type { WordsInput } from './plugin.ts';
import { rawSubject } from './raw.ts';
import type { RawOrder } from './raw.ts';

const timeoutMs = 600_000;
const quietMostMs = 60_000;

/** A window that stays as it is, or one that follows the size of the chunks. */
export type Window = number | 'adaptive';

/** The lengths of the chunks, over NATS and without a gateway. @throws Error for what ends it before its result */
export async function* natsWords(
  connection: Connection,
  input: WordsInput,
  window: Window = 'adaptive',
): AsyncGenerator<number, void, void> {
  const fixed = typeof window === 'number' && { window, windowBytes: window * input.bytes };
  const stream = connection.requestStream(
    subjects.invokeCapability(streamer, 'words'),
    JSON.stringify(input),
    {
      plugin: streamer,
      timeoutMs,
      headers: { [headerNames.invocationId]: createToken(), [headerNames.timeoutMs]: String(timeoutMs) },
      ...fixed,
    },
  );
  for await (const msg of stream) yield msg.data.length;
  const problem = problemOfMsg(await stream.last);
  if (problem) throw new Error(`${problem.code}: ${problem.detail}`);
}

/**
 * What nobody gives credit for.
 * @param take is given the size of each message, and says whether it is enough
 */
export async function countRaw(
  { nats }: Connection,
  bytes: number,
  take: (bytes: number) => boolean,
): Promise<void> {
  const inbox = `_INBOX.raw.${createToken()}`;
  const order: RawOrder = { bytes, enough: `${inbox}.enough` };
  const done = Promise.withResolvers<void>();
  let late: NodeJS.Timeout | undefined;
  const wait = (): void => {
    clearTimeout(late);
    late = setTimeout(() => done.reject(new Error('nothing is published any more')), quietMostMs);
  };
  const subscription = nats.subscribe(inbox, {
    callback: (error, msg) => {
      if (error) return done.reject(error);
      if (msg.data.length === 0) return done.resolve();
      if (!take(msg.data.length)) return;
      nats.publish(order.enough);
      wait();
    },
  });
  wait();
  nats.publish(rawSubject, JSON.stringify(order), { reply: inbox });
  try {
    await done.promise;
  } finally {
    clearTimeout(late);
    subscription.unsubscribe();
  }
}
