import type { LogRecord } from './log-record.ts';
import type { ConfigPatch } from './manifest.ts';

/** The body of `plugin.<id>.invoke`. A payload that is absent or null means `{}`. */
export interface InvokeEnvelope {
  capability: string;
  payload?: unknown;
}

/** The body of `plugin.<id>.cancel`. */
export interface Cancel {
  invocation_id: string;
}

/** From the receiver of a stream to its sender: one of the two. */
export interface Flow {
  /** So many more chunks are taken; 0 is a sign of life. */
  credit?: number;
  /** No more are wanted. */
  cancel?: true;
}

/** What `plugin.<id>.inflight` asks. */
export interface InflightQuery {
  invocation_ids: string[];
}

/** Those of the asked invocations that one instance holds. */
export interface InflightReply {
  instance: string;
  invocation_ids: string[];
}

/** What `plugin.<id>.logs` answers, oldest first. */
export interface LogReply {
  lines: LogRecord[];
  /** One message cannot hold all that was asked for. */
  truncated?: boolean;
}

/** The body of a control request. */
export interface ControlOptions {
  /** False: the answer comes when the order is written, not when its state is reached. @default true */
  wait?: boolean;
  /** Who orders it, as it says itself. @default `control` */
  by?: string;
  /** Why, for people. */
  why?: string;
}

/** The body of `plugin.<id>.ctl.<instance>.configure` when it is about nothing but how often the instance beats. */
export interface HeartbeatOrder {
  heartbeat_ms: number;
}

/** The answer to what is only done: a drain, a shutdown, an instance that was let in or configured. */
export interface Acknowledgement {
  ok: true;
}

/**
 * The body of `bkg.control.configure.<id>`: a merge patch (RFC 7396) of `PluginConfig`. `null` takes a member back to
 * its default.
 */
export type ConfigChange = MergePatch<ConfigPatch> & {
  /** Of the configuration that it changes: another one by now means `CONFLICT`. */
  revision: number;
  /** May be given when it is the plugin's own: a whole configuration with some of it changed is a patch too. */
  id?: string;
  /** Who orders it, as it says itself; kept with the configuration. @default `control` */
  by?: string;
  /** Why, for people; kept with the configuration. */
  why?: string;
  /** False: the answer comes when it is written, not when every instance has it. @default true */
  wait?: boolean;
};

export const configWhyMostLength = 500;
export const orderByMostLength = 100;

type MergePatch<T> = {
  [Member in keyof T]: (T[Member] extends object | undefined ? MergePatch<T[Member]> : T[Member]) | null;
};
