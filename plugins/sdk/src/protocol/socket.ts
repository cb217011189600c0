/** The frames of the gateway's `/ws`: JSON, one each. The client's have an `op`, the gateway's a `type`. */
import type { Problem } from './errors.ts';
import type { LogRecord } from './log-record.ts';
import type { PluginInfo } from './plugin.ts';
import type { PluginTelemetry } from './telemetry.ts';

/** What can be subscribed to: what comes first, and what comes afterwards. */
export interface Topics {
  plugins: { snapshot: PluginInfo[]; data: { plugin: PluginInfo } | { removed: string } };
  plugin: { snapshot: PluginInfo | null; data: PluginInfo | null };
  telemetry: { snapshot: PluginTelemetry[]; data: PluginTelemetry };
  /** Older records are at `GET /api/plugins/:id/logs`. */
  logs: { snapshot: []; data: LogRecord };
}

export const topics = ['plugins', 'plugin', 'telemetry', 'logs'] as const satisfies (keyof Topics)[];
export type Topic = (typeof topics)[number];

export function isTopic(value: unknown): value is Topic {
  return topics.some((topic) => topic === value);
}

/** The longest `id` of a subscription or an invocation on one socket. */
export const frameIdMostLength = 64;

export interface SubscribeFrame {
  op: 'subscribe';
  /** The client's choice, unique among what it has open. */
  id: string;
  topic: Topic;
  /** Only these; for `plugin` exactly one. */
  plugins?: string[];
  /** After a reconnection: the last `seq` of this subscription, … */
  after_seq?: number;
  /** … and the gateway that had sent it. */
  gateway?: string;
}

export interface UnsubscribeFrame {
  op: 'unsubscribe';
  id: string;
}

export interface InvokeFrame {
  op: 'invoke';
  id: string;
  plugin: string;
  capability: string;
  /** Absent means `{}`. */
  payload?: unknown;
  invocation_id?: string;
  timeout_ms?: number;
  traceparent?: string;
  tracestate?: string;
  /** Takes the answer as chunks, so many before it gives more credit. Without it there is one result. */
  stream?: number;
}

/** So many more chunks of a running `invoke` are taken. */
export interface CreditFrame {
  op: 'credit';
  id: string;
  credit: number;
}

export interface CancelFrame {
  op: 'cancel';
  /** Of a running `invoke`. */
  id: string;
}

export type ClientFrame = SubscribeFrame | UnsubscribeFrame | InvokeFrame | CreditFrame | CancelFrame;

/** The first frame on every socket. */
export interface HelloFrame {
  type: 'hello';
  /** A random id of this gateway's process. */
  gateway: string;
  protocol: string;
}

/** The first frame of a subscription, and again whenever continuity is lost. */
export interface SnapshotFrame<T extends Topic = Topic> {
  type: 'snapshot';
  id: string;
  topic: T;
  seq: number;
  snapshot: Topics[T]['snapshot'];
}

export interface DataFrame<T extends Topic = Topic> {
  type: 'data';
  id: string;
  topic: T;
  seq: number;
  data: Topics[T]['data'];
}

/** In this place of a subscription to `logs` records are missing. */
export interface DroppedFrame {
  type: 'dropped';
  id: string;
  topic: Topic;
  /** `null` when nobody knows how many. */
  count: number | null;
}

export interface UnsubscribedFrame {
  type: 'unsubscribed';
  id: string;
}

/** A part of an answer; a result or an error follows the last one. */
export interface ChunkFrame {
  type: 'chunk';
  id: string;
  invocation_id: string;
  /** From 0, without gaps. */
  seq: number;
  chunk: unknown;
}

export interface ResultFrame {
  type: 'result';
  id: string;
  invocation_id: string;
  output: unknown;
}

/** Ends an invocation, or refuses a frame: without `id` when that had none. */
export interface ErrorFrame {
  type: 'error';
  id?: string;
  invocation_id?: string;
  problem: Problem;
}

export type GatewayFrame =
  | HelloFrame
  | SnapshotFrame
  | DataFrame
  | DroppedFrame
  | UnsubscribedFrame
  | ChunkFrame
  | ResultFrame
  | ErrorFrame;

/** The frames of `/ws/plugins/:id`. */
export type FeedFrame =
  | { type: 'status'; plugin: PluginInfo }
  | { type: 'telemetry'; telemetry: PluginTelemetry }
  | ({ type: 'log' } & LogRecord)
  | { type: 'dropped'; count: number };
