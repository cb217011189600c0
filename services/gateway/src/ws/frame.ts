import {
  BkgError,
  frameIdMostLength,
  isPluginId,
  isRecord,
  isSubjectToken,
  isTopic,
  parseJson,
  timeoutMostMs,
  topics,
  windowMost,
} from '@bkg/sdk';
import type { Topic } from '@bkg/sdk';
import { completeCall, invocationIdForm } from '../invoke/call-headers.ts';
import type { CallHeaders } from '../invoke/call-headers.ts';
import { memberOf } from '../invoke/raw-json.ts';

/** A frame of a client, checked. */
export type Order =
  | {
      op: 'subscribe';
      id: string;
      topic: Topic;
      plugins: ReadonlySet<string> | undefined;
      resume: Resume | undefined;
    }
  | { op: 'unsubscribe'; id: string }
  | { op: 'invoke'; id: string; call: FrameCall }
  | { op: 'credit'; id: string; credit: number }
  | { op: 'cancel'; id: string };

/** Where a client was before its connection broke. */
export interface Resume {
  afterSeq: number;
  /** Undefined when it does not know, which is as good as another one. */
  gateway: string | undefined;
}

export interface FrameCall extends CallHeaders {
  pluginId: string;
  capability: string;
  /** Exactly the bytes that were sent. */
  payload: Buffer;
  /** Chunks that the client takes before it gives more credit; undefined when it wants one result. */
  window: number | undefined;
}

export type Members = Record<string, unknown>;

const ops = ['subscribe', 'unsubscribe', 'invoke', 'credit', 'cancel'] as const;
/** More are everything, for which the filter is left out. */
const pluginsMost = 1_000;
const emptyPayload = Buffer.from('{}');

/** @throws BkgError INVALID_PAYLOAD for what is no JSON object */
export function readMembers(data: Buffer): Members {
  let value: unknown;
  try {
    value = parseJson(data);
  } catch (error) {
    throw new BkgError('INVALID_PAYLOAD', `The frame is not JSON: ${(error as Error).message}.`, {
      cause: error,
      errors: [{ path: '', message: 'is not JSON' }],
    });
  }
  if (isRecord(value)) return value;
  throw invalid('', 'must be an object with "op" and "id"');
}

/** The frame's id, for the answer also to one that is refused; undefined when it has none that could be one. */
export function idOf({ id }: Members): string | undefined {
  if (typeof id !== 'string' || id === '' || id.length > 2 * frameIdMostLength) return undefined;
  // Characters, not halves of them.
  return [...id].length <= frameIdMostLength ? id : undefined;
}

/**
 * @param data the frame as it was sent, from which the payload is cut
 * @throws BkgError INVALID_PAYLOAD that names the place
 */
export function readOrder(members: Members, data: Buffer): Order {
  const { op } = members;
  const id = idOf(members);
  if (id === undefined) throw invalid('/id', `must be a text of 1 to ${frameIdMostLength} characters`);
  switch (op) {
    case 'subscribe':
      return { op, id, ...readSubscription(members) };
    case 'invoke':
      return { op, id, call: readCall(members, data) };
    case 'credit':
      return { op, id, credit: readCount('/credit', members.credit, 0) };
    case 'unsubscribe':
    case 'cancel':
      return { op, id };
    default:
      throw invalid('/op', `must be one of ${ops.join(', ')}`);
  }
}

function readSubscription(
  members: Members,
): Pick<Order & { op: 'subscribe' }, 'topic' | 'plugins' | 'resume'> {
  const { topic, after_seq, gateway } = members;
  if (!isTopic(topic)) throw invalid('/topic', `must be one of ${topics.join(', ')}`);
  if (after_seq !== undefined && !(Number.isSafeInteger(after_seq) && Number(after_seq) >= 0)) {
    throw invalid('/after_seq', 'must be the last "seq" that came, a whole number');
  }
  if (gateway !== undefined && typeof gateway !== 'string') {
    throw invalid('/gateway', 'must be the "gateway" of the hello frame, a text');
  }
  return {
    topic,
    plugins: readPlugins(topic, members.plugins),
    resume: after_seq === undefined ? undefined : { afterSeq: Number(after_seq), gateway },
  };
}

function readPlugins(topic: Topic, plugins: unknown): ReadonlySet<string> | undefined {
  if (plugins === undefined && topic !== 'plugin') return undefined;
  if (!Array.isArray(plugins) || plugins.length === 0 || plugins.length > pluginsMost) {
    const optional = `must be a list of 1 to ${pluginsMost} plugin ids; leave it out for all plugins`;
    throw invalid('/plugins', topic === 'plugin' ? 'must be a list of exactly one plugin id' : optional);
  }
  const wrong = plugins.findIndex((id) => typeof id !== 'string' || !isPluginId(id));
  if (wrong >= 0) throw invalid(`/plugins/${wrong}`, 'must be a plugin id: a-z, 0-9, "_" and "-"');
  const ids = new Set(plugins as string[]);
  if (topic === 'plugin' && ids.size !== 1) {
    throw invalid('/plugins', 'must be exactly one plugin id; the topic "plugins" takes several');
  }
  return ids;
}

function readCall(members: Members, data: Buffer): FrameCall {
  const { plugin, capability, invocation_id, timeout_ms, traceparent, tracestate, stream } = members;
  if (typeof plugin !== 'string') throw invalid('/plugin', 'must be the id of a plugin, a text');
  if (typeof capability !== 'string') throw invalid('/capability', 'must be the id of a capability, a text');
  if (invocation_id !== undefined && !(typeof invocation_id === 'string' && isSubjectToken(invocation_id))) {
    throw invalid('/invocation_id', `must be ${invocationIdForm}`);
  }
  const isTime =
    Number.isInteger(timeout_ms) && Number(timeout_ms) >= 1 && Number(timeout_ms) <= timeoutMostMs;
  if (timeout_ms !== undefined && !isTime) {
    throw invalid('/timeout_ms', `must be a whole number of milliseconds from 1 to ${timeoutMostMs}`);
  }
  for (const [name, value] of Object.entries({ traceparent, tracestate })) {
    if (value !== undefined && typeof value !== 'string') throw invalid(`/${name}`, 'must be a text');
  }
  return {
    ...completeCall({
      invocationId: invocation_id,
      timeoutMs: timeout_ms as number | undefined,
      traceparent: traceparent as string | undefined,
      tracestate: tracestate as string | undefined,
    }),
    pluginId: plugin,
    capability,
    payload: memberOf(data, 'payload') ?? emptyPayload,
    window: stream === undefined ? undefined : readCount('/stream', stream, 1),
  };
}

/** A number of chunks. */
function readCount(path: string, value: unknown, least: number): number {
  const isCount = Number.isInteger(value) && Number(value) >= least && Number(value) <= windowMost;
  if (isCount) return Number(value);
  throw invalid(path, `must be a number of chunks, a whole one from ${least} to ${windowMost}`);
}

export function invalid(path: string, message: string): BkgError {
  return new BkgError('INVALID_PAYLOAD', `${path || 'The frame'} ${message}.`, {
    errors: [{ path, message }],
  });
}
