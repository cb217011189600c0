import { headers as createHeaders } from '@nats-io/nats-core';
import type { Msg } from '@nats-io/nats-core';
import { headerNames } from '../../src/protocol/index.ts';
import { altered } from './saboteur.ts';
import type { Reply, Sabotage } from './saboteur.ts';

export type Json = Record<string, unknown>;
type EndpointsOf = { endpoints: Json[] } & Json;

/** Changes answers on the subjects that match. */
export function onReply(subject: RegExp, change: (reply: Reply) => Reply[]): Sabotage {
  return { reply: (reply) => (subject.test(reply.subject) ? change(reply) : [reply]) };
}

export function onJson(subject: RegExp, change: (json: Json) => unknown): Sabotage {
  return onReply(subject, (reply) => [
    { ...reply, body: JSON.stringify(change(JSON.parse(reply.body) as Json)) },
  ]);
}

export const onEndpoints = (subject: RegExp, change: (endpoint: Json) => Json): Sabotage =>
  onJson(subject, (json) => ({ ...json, endpoints: (json as EndpointsOf).endpoints.map(change) }));

export const onMetadata = (change: Json): Sabotage =>
  onEndpoints(/^\$SRV\.INFO/, (endpoint) => ({
    ...endpoint,
    metadata: { ...(endpoint['metadata'] as Json), ...change },
  }));

export const onFailure = (change: (reply: Reply) => Reply): Sabotage =>
  onReply(/\.invoke/, (reply) => [reply.headers?.[headerNames.errorCode] ? change(reply) : reply]);

export const withoutHeader = (name: string): Sabotage =>
  onFailure((reply) => ({ ...reply, headers: { ...reply.headers, [name]: undefined } }));

/** The plugin does not see this header of requests, or sees another value. */
export function withHeader(name: string, value?: string): Sabotage {
  return {
    request: (msg) => {
      if (!msg.headers?.has(name)) return msg;
      const headers = createHeaders();
      for (const key of msg.headers.keys()) if (key !== name) headers.set(key, msg.headers.get(key));
      if (value !== undefined) headers.set(name, value);
      return altered(msg, { headers });
    },
  };
}

export const deaf = (subject: RegExp): Sabotage => ({
  request: (msg) => (subject.test(msg.subject) ? undefined : msg),
});

export const seenAs = (subject: RegExp, body: string): Sabotage => ({
  request: (msg: Msg) => (subject.test(msg.subject) ? altered(msg, { data: Buffer.from(body) }) : msg),
});

export function onEvent(kind: string, change: (json: Json) => unknown): Sabotage {
  return {
    event: (subject, body) => {
      if (!subject.endsWith(`.${kind}`)) return body;
      const changed = change(JSON.parse(body) as Json);
      return changed === undefined ? undefined : JSON.stringify(changed);
    },
  };
}

/** Of so many heartbeats one, numbered without a gap. */
export function oneIn(many: number, json: Json): Json | undefined {
  const seq = Number(json['seq']) / many;
  return Number.isInteger(seq) ? { ...json, seq } : undefined;
}

/** Claims to hold whatever it is asked for. */
export function seenAsHeld(): Sabotage {
  let asked: unknown = [];
  return {
    request: (msg) => {
      if (msg.subject.endsWith('.inflight')) asked = msg.json<Json>()['invocation_ids'];
      return msg;
    },
    ...onJson(/\.inflight$/, (json) => ({ ...json, invocation_ids: asked })),
  };
}

export function deafWhileBusy(): Sabotage {
  let isBusy = false;
  return {
    request: (msg) => {
      if (msg.subject.endsWith('.invoke.wait')) isBusy = true;
      return isBusy && msg.subject.startsWith('$SRV.INFO') ? undefined : msg;
    },
  };
}

export function silentAfter(subject: RegExp): Sabotage {
  let isSilent = false;
  return {
    request: (msg) => {
      if (subject.test(msg.subject)) isSilent = true;
      return isSilent ? undefined : msg;
    },
  };
}
