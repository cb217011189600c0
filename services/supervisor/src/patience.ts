import type { Sighting } from './sighting.ts';
import type { Timings } from './timings.ts';

/** Heartbeats are jittered by a tenth: three missed, and a little for the way. */
export const missedHeartbeats = 3.4;
/** The next question for its statistics is late by more than its jitter. */
const latePoll = 1.25;

export interface Circumstances {
  timings: Pick<
    Timings,
    'heartbeatMs' | 'pollEveryMs' | 'probeEveryMs' | 'answerMs' | 'quietMs' | 'quietAnswerMs'
  >;
  /** Between two questions for the statistics of an instance without events, whose answers show that it lives. */
  pollEveryMs: number;
  isManaged: boolean;
  /** It is managed, starts, and has said nothing yet. */
  isUnheard: boolean;
}

/** Whether an instance is to be asked now if it is there: nothing was heard of it for long enough, and it was not asked just now. */
export function isToBeAsked(sighting: Sighting, circumstances: Circumstances, at: number): boolean {
  const { heardAt, askedAt = 0 } = sighting;
  return (
    at - heardAt >= patienceMs(sighting, circumstances) && at - askedAt >= askEveryMs(sighting, circumstances)
  );
}

/** How long nothing may be heard of it. In a large mesh heartbeats are too rare to tell in time that one of ours hangs. */
function patienceMs({ speaks, beatMs = 0 }: Sighting, circumstances: Circumstances): number {
  const { timings, pollEveryMs, isManaged, isUnheard } = circumstances;
  if (isUnheard) return 0;
  if (!speaks) return pollEveryMs * latePoll;
  const missedMs = Math.max(timings.heartbeatMs, beatMs) * missedHeartbeats;
  return isManaged ? Math.min(missedMs, timings.quietMs) : missedMs;
}

function askEveryMs({ speaks, silentSince, vacancies }: Sighting, circumstances: Circumstances): number {
  const { timings, isUnheard, isManaged } = circumstances;
  if (isUnheard) return timings.probeEveryMs;
  // Not while it may still answer; and when it comes back, that shall be known as soon.
  if (isManaged && speaks) return timings.quietAnswerMs;
  const isDoubted = silentSince === undefined && (speaks || vacancies !== undefined);
  return isDoubted ? timings.answerMs : timings.pollEveryMs;
}
