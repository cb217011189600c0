import type { Grammar } from '../lineage.ts';

export const wayNames = ['http', 'ws', 'nats', 'hostile', 'files'] as const;
export type WayName = (typeof wayNames)[number];

/** What became of one input. */
export interface Observation {
  /** What was answered, each the same for all that are of a kind: an input with a new one is worth to be changed further. */
  outcomes: string[];
  /** What must not be, as sentences. */
  flaws: string[];
}

/** One of the ways in which something gets into a mesh. */
export interface Way<Input> extends AsyncDisposable {
  grammar: Grammar<Input>;
  /** How many at the same time. */
  atOnce: number;
  /** Ends by itself, whatever the input is. */
  run: (input: Input) => Promise<Observation>;
  /** For people, who want to see what it was. */
  show: (input: Input) => string;
}
