import { readFileSync } from 'node:fs';
import path from 'node:path';
import { packageFolder } from '../package-folder.ts';
import type { WireName } from '../protocol/schemas/index.ts';

/** From `service` to `full` one upon the other; the rest is beside them, for plugins that have what it is about. */
export const levels = [
  'service',
  'timed',
  'live',
  'graceful',
  'full',
  'streaming',
  'upload',
  'backpressure',
] as const;
export type Level = (typeof levels)[number];

/** The cases, as data: README.md beside it says how to read them. */
export interface Suite {
  protocol: string;
  levels: Record<Level, LevelDescription>;
  cases: ConformanceCase[];
}

export interface LevelDescription {
  means: string;
  /** It holds all cases of that one, too. */
  on?: Level;
}

export interface ConformanceCase {
  id: string;
  level: Level;
  title: string;
  /** Of PROTOCOL.md. */
  section: string;
  /** What must be there, or the case is not tried. */
  needs?: Need[];
  /** Once for each of these. */
  each?: 'instance' | 'capability';
  steps: Step[];
}

/**
 * `payload`: a capability with a valid payload; `stream`: one that streams; `upload`: one that takes uploads, with a body;
 * `no_upload`: one that takes none; `invalid`: a payload that does not fit; `slow`: work that takes seconds.
 */
export type Need = 'payload' | 'stream' | 'upload' | 'no_upload' | 'invalid' | 'slow' | 'one_instance';

export interface Message {
  /** JSON, or `text` as it is. Neither: an empty body. */
  body?: unknown;
  /** With the byte FF, of which no UTF-8 is made, before the first text among the values of `body`. */
  wrong_byte?: true;
  text?: string;
  headers?: Record<string, string>;
}

export interface AskStep extends Message {
  ask: string;
  /** Another reply subject than an inbox. */
  reply?: string;
  /** So many requests at once. @default 1 */
  times?: number;
  /** Wait this long for an answer. @default 5000 */
  within_ms?: number;
  /** Instead: collect every answer that comes in this time; go on until there is one, unless none is expected. */
  for_ms?: number;
  /** Of the answers only those with these members. */
  only?: Record<string, unknown>;
  /** The work takes seconds, or the case cannot be tried. */
  slow?: boolean;
  as?: string;
  /** Go on without waiting; `await` looks at it. */
  later?: boolean;
  expect?: Check[];
}

export interface StreamStep extends Message {
  stream: string;
  window: number;
  as: string;
}

export interface UploadStep {
  upload: string;
  as: string;
  headers: Record<string, string>;
}

export interface PieceStep {
  piece: string;
  seq: number;
  bytes: number;
  end?: number;
}

/** About streams, uploads and places. */
export type FlowStep =
  | StreamStep
  | { chunks: number; of: string; within_ms: number; for_ms: number }
  | ({ tell: string } & Message)
  | { read: string; within_ms: number }
  | { ended: string; within_ms: number; expect: Check[] }
  | { leave: string }
  | { credited: string; within_ms: number }
  | PieceStep
  | { send: string; last: 'rest' | 'empty'; within_ms: number }
  | ({ fill: string; most: number; as: string } & Message)
  | { refused: string; expect: Check[] }
  | { empty: string; within_ms: number }
  | { held: string[]; within_ms: number }
  | { free: string[]; within_ms: number };

export type Step = { when?: 'slow' } & (
  | AskStep
  | UploadStep
  | FlowStep
  | { await: string; within_ms?: number; expect?: Check[] }
  | ({ publish: string } & Message)
  | { until_held: string[] }
  | { pause_ms: number }
  | { quiet_ms: number }
  | { statistics: string }
  | { moved: string; requests: number; errors: number }
  | { listen: string; as: string }
  | { heard: string; least: number; within_ms: number; expect: Check[] }
  | ({ load: string; at_once: number; least: number; as: string } & Message)
  | { drain: true; within_ms: number }
  | { stop_load: string; within_ms: number; expect: Check[] }
);

/** What must be true of each answer, or of all together. */
export type Check =
  | { answers: number }
  | { success: true }
  | { success_or: string[] }
  | { failure: string[] }
  | { whole: true }
  | { header: string; equals: string }
  | { fits: WireName | 'output' }
  | { took_ms: [number, number] }
  | { endpoints: true }
  | { contract: true }
  | { rhythm: [number, number] }
  | ({ at: string } & (
      | { equals: unknown }
      | { matches: string }
      | { is: 'integer' | 'plugin_id' | 'version' | 'token' }
      | { least: number }
      | { same: true }
      | { set: string[] }
      | { grows_by: number }
      | { ends_with: unknown[] }
    ));

/** It lies with the sources only: nothing but this runner needs it at run time. */
export const suite = JSON.parse(
  readFileSync(path.join(packageFolder, 'src/conformance/suite.json'), 'utf8'),
) as Suite;

/** The level and those that it stands on, the lowest first. */
export function levelsUpTo(level: Level): Level[] {
  const { on } = suite.levels[level];
  return on === undefined ? [level] : [...levelsUpTo(on), level];
}
