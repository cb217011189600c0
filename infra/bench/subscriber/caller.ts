import type { Msg, NatsConnection } from '@nats-io/transport-node';
import { subjects } from '@bkg/sdk';

export interface Calls {
  subject: string;
  body: string;
  /** Requests that have no answer yet, at any time. */
  inFlight: number;
  durationMs: number;
}

export interface CallsResult {
  answered: number;
  durationMs: number;
  /** Of each answer, in ms, sorted. */
  latencies: number[];
}

/** Nobody answers any more. */
const answerMostMs = 10_000;

/**
 * Sends the same request again and again, each in place of one that was answered. Straight on nats.js, with one
 * subscription for all answers: what comes in one read is answered in one write, so that the caller, which shares the
 * machine, takes as little of it as can be.
 * @throws Error when an answer is something else than the request, or none comes for 10 s
 */
export function call(
  nats: NatsConnection,
  { subject, body, inFlight, durationMs }: Calls,
): Promise<CallsResult> {
  const inbox = subjects.inbox('caller', String(++callers));
  const places = Array.from({ length: inFlight }, (_, place) => ({ reply: `${inbox}.${place}`, sentAt: 0 }));
  const latencies: number[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<CallsResult>();
  const startedAt = performance.now();
  const until = startedAt + durationMs;
  let open = inFlight;
  const send = (place: (typeof places)[number]): void => {
    place.sentAt = performance.now();
    nats.publish(subject, body, { reply: place.reply });
  };
  const take = (msg: Msg): void => {
    const place = places[Number(msg.subject.slice(inbox.length + 1))];
    if (!place) return reject(new Error(`an answer on ${msg.subject}, where nobody has asked`));
    if (msg.data.length !== body.length || msg.string() !== body) return reject(new Error(faultOf(msg)));
    const now = performance.now();
    latencies.push(now - place.sentAt);
    if (now < until) return send(place);
    open -= 1;
    if (open > 0) return;
    latencies.sort((a, b) => a - b);
    resolve({ answered: latencies.length, durationMs: now - startedAt, latencies });
  };
  const answers = nats.subscribe(`${inbox}.*`, {
    callback: (error, msg) => (error ? reject(error) : take(msg)),
  });
  const late = setTimeout(
    () => reject(new Error(`${open} of ${inFlight} requests have no answer`)),
    durationMs + answerMostMs,
  );
  places.forEach(send);
  return promise.finally(() => {
    clearTimeout(late);
    answers.unsubscribe();
  });
}

let callers = 0;

function faultOf(msg: Msg): string {
  return `a wrong answer: ${msg.headers?.toString() ?? ''}${msg.string().slice(0, 500)}`;
}
