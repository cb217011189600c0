import type { Msg } from '@nats-io/nats-core';
import { jsonOrUndefined } from './json.ts';
import type { InflightQuery, InflightReply } from './protocol/requests.ts';

/** So that a question fits into a message by far. */
const idsMost = 500;

/** The calls in groups, each for one question. */
export function portions<Call>(calls: readonly Call[]): Call[][] {
  return Array.from({ length: Math.ceil(calls.length / idsMost) }, (_, i) =>
    calls.slice(i * idsMost, (i + 1) * idsMost),
  );
}

/** The body of `plugin.<id>.inflight`. */
export function inflightQuery(calls: Iterable<{ invocationId: string }>): string {
  const query: InflightQuery = { invocation_ids: Array.from(calls, ({ invocationId }) => invocationId) };
  return JSON.stringify(query);
}

/** Undefined for what is no answer to the question. */
export function readInflightReply(msg: Msg): InflightReply | undefined {
  const reply = Object(jsonOrUndefined(msg.data)) as InflightReply;
  return Array.isArray(reply.invocation_ids) ? reply : undefined;
}
