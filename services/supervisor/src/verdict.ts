import type { KillReason } from './reconcile.ts';

/** How a process ended. Nothing but that it did is known of one that is not our child. */
export type Ending =
  | { how: 'exit'; code: number }
  | { how: 'signal'; signal: string }
  | { how: 'not started'; error: string }
  | { how: 'unknown' };

export interface LastMoments {
  ending: Ending;
  /** Somebody asked it to end. */
  askedToStop: boolean;
  /** Why we killed it. */
  killed?: KillReason;
  /** Why it was no good. */
  rejected?: string;
  /** What its last status event gave as its error. */
  said?: string;
  startTimeoutMs: number;
  graceMs: number;
  silentKillMs: number;
}

export interface Verdict {
  status: 'stopped' | 'error';
  /** How it ended, as the end of a sentence that begins with the plugin: "ended by SIGKILL". */
  text: string;
}

/** What to think of an instance that has ended. */
export function judge(moments: LastMoments): Verdict {
  const { ending, askedToStop, killed, rejected, said } = moments;
  if (rejected !== undefined) return { status: 'error', text: rejected };
  const text = killed ? textOfKill(killed, moments) : textOfEnding(ending, askedToStop);
  if (!killed && askedToStop && endedInOrder(ending)) return { status: 'stopped', text };
  // It becomes a part of longer sentences.
  return { status: 'error', text: said ? `${text}: ${said.replace(/[.\s]+$/, '')}` : text };
}

function textOfKill(
  why: KillReason,
  { startTimeoutMs, graceMs, silentKillMs }: Pick<LastMoments, 'startTimeoutMs' | 'graceMs' | 'silentKillMs'>,
): string {
  switch (why) {
    case 'not ready':
      return `was not ready within ${seconds(startTimeoutMs)} and was killed`;
    case 'silent':
      return `gave no sign of life for ${seconds(silentKillMs)} and was killed`;
    case 'grace over':
      return `did not end within ${seconds(graceMs)} after SIGTERM and was killed`;
  }
}

function textOfEnding(ending: Ending, askedToStop: boolean): string {
  const unasked = askedToStop ? '' : ' although nobody had asked it to';
  switch (ending.how) {
    case 'exit':
      return ending.code === 0 ? `ended with code 0${unasked}` : `ended with code ${ending.code}`;
    case 'signal':
      return `ended by ${ending.signal}`;
    case 'not started':
      return `could not be started (${ending.error})`;
    case 'unknown':
      return askedToStop ? 'ended' : 'ended; how is not known, because an earlier supervisor had started it';
  }
}

/**
 * The protocol names code 0 only. A program without a handler for SIGTERM ends by it, and one behind a shell with 143:
 * that is what it was asked for, and no reason to alarm anybody.
 */
function endedInOrder(ending: Ending): boolean {
  switch (ending.how) {
    case 'exit':
      return ending.code === 0 || ending.code === 143;
    case 'signal':
      return ending.signal === 'SIGTERM';
    case 'unknown':
      return true;
    case 'not started':
      return false;
  }
}

/** "0.3 s", "10 s". */
export function seconds(ms: number): string {
  const value = ms / 1_000;
  return `${value >= 10 ? Math.round(value) : Math.round(value * 10) / 10} s`;
}
