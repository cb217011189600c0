import type { EndVerdict, InstanceEnding } from '@bkg/sdk';
import type { OomKill } from './isolation/confinement.ts';
import type { KillReason } from './reconcile.ts';
import { seconds } from './seconds.ts';
import { isShortage } from './shortage.ts';

/** How a process ended. Nothing but that it did is known of one that is not our child. */
export type Ending =
  | { how: 'exit'; code: number }
  | { how: 'signal'; signal: string }
  /** `code` is what the system calls it, as ENOENT. */
  | { how: 'not started'; error: string; code?: string }
  | { how: 'unknown' };

/**
 * Who has ended a process of it for memory: the system, for what it may take or because the machine's was full, our watch,
 * or V8, whose heap is smaller than what the instance may take.
 */
export type MemoryDeath = 'system' | 'full machine' | 'watch' | 'heap';

export function memoryDeathOf(oomKill: OomKill): MemoryDeath {
  return oomKill === 'own' ? 'system' : 'full machine';
}

export interface LastMoments {
  ending: Ending;
  /** Somebody asked it to end. */
  askedToStop: boolean;
  /** Why we killed it. */
  killed?: KillReason;
  memory?: MemoryDeath;
  /** What our watch saw: it had too many processes. */
  tooMany?: string;
  /** Why it was no good. */
  rejected?: string;
  /** What its last status event gave as its error. */
  said?: string;
  maxMemoryMb: number;
  startTimeoutMs: number;
  graceMs: number;
  /** How long nothing was heard of it, or nothing but that it had failed. */
  uselessMs: number;
}

export type Verdict =
  | { status: 'stopped'; text: string; ended: InstanceEnding }
  | {
      status: 'error';
      /** How it ended, as the end of a sentence that begins with the plugin: "ended by SIGKILL". */
      text: string;
      verdict: EndVerdict;
      /** The machine had run out of something: no fault of the plugin. */
      isMachines?: true;
      /** For who waits for its answers. */
      ended: InstanceEnding;
    };

/** What to think of an instance that has ended. */
export function judge(moments: LastMoments): Verdict {
  const { ending, askedToStop, killed, rejected, memory, said } = moments;
  const isInOrder = killed === undefined && askedToStop && endedInOrder(ending);
  if (rejected !== undefined)
    return {
      status: 'error',
      text: rejected,
      verdict: 'rejected',
      ended: isInOrder ? 'stopped' : 'crashed',
    };
  // Who was told to end and has done so is not blamed for a child that was killed meanwhile.
  if (memory && !isInOrder)
    return {
      status: 'error',
      text: textOfMemory(memory, moments),
      verdict: 'out_of_memory',
      ended: 'out_of_memory',
    };
  const text = killed ? textOfKill(killed, moments) : textOfEnding(ending, askedToStop);
  if (isInOrder) return { status: 'stopped', text, ended: 'stopped' };
  return {
    status: 'error',
    // It becomes a part of longer sentences.
    text: said ? `${text}: ${said.replace(/[.\s]+$/, '')}` : text,
    verdict: verdictOf(killed, ending),
    ...(ending.how === 'not started' && isShortage(ending) && { isMachines: true }),
    ended: 'crashed',
  };
}

/** As the end of "killing it: …". */
export const killNotes: Record<KillReason, string> = {
  'not ready': 'it did not become ready in time',
  silent: 'it gave no sign of life for too long',
  failing: 'it has said for too long that it has failed',
  'grace over': 'it did not end within the grace period',
  'over its limits': 'it is over its limits',
};

function verdictOf(killed: KillReason | undefined, ending: Ending): EndVerdict {
  switch (killed) {
    case 'not ready':
      return 'not_ready';
    case 'silent':
    case 'failing':
      return 'silent';
    case 'grace over':
      return 'grace_over';
    case 'over its limits':
    case undefined:
      return ending.how === 'not started' ? 'not_started' : 'crashed';
  }
}

function textOfMemory(memory: MemoryDeath, { ending, maxMemoryMb }: LastMoments): string {
  switch (memory) {
    case 'heap':
      return `ran out of JavaScript heap, and may take ${maxMemoryMb} MB in all (max_memory_mb)`;
    case 'watch':
      return `took more than its ${maxMemoryMb} MB (max_memory_mb) and was killed`;
    case 'system':
      return ending.how === 'exit'
        ? `ended with code ${ending.code}, after the system had killed a process of it that wanted more than its ${maxMemoryMb} MB (max_memory_mb)`
        : `wanted more than its ${maxMemoryMb} MB (max_memory_mb) and was killed by the system`;
    case 'full machine':
      return ending.how === 'exit'
        ? `ended with code ${ending.code}, after the system, whose memory was full, had killed a process of it`
        : 'was killed by the system, whose memory was full';
  }
}

function textOfKill(why: KillReason, { startTimeoutMs, graceMs, uselessMs, tooMany }: LastMoments): string {
  switch (why) {
    case 'not ready':
      return `was not ready within ${seconds(startTimeoutMs)} and was killed`;
    case 'silent':
      return `gave no sign of life for ${seconds(uselessMs)} and was killed`;
    case 'failing':
      return `said for ${seconds(uselessMs)} that it had failed, and was killed`;
    case 'grace over':
      return `did not end within ${seconds(graceMs)} after SIGTERM and was killed`;
    case 'over its limits':
      return `${tooMany ?? 'was over its limits'} and was killed`;
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

/** Whether V8 has ended the process because its heap was full: it says so last. @param tail the end of what it printed */
export function endedByHeap(ending: Ending, tail: string): boolean {
  const aborted =
    (ending.how === 'signal' && ending.signal === 'SIGABRT') ||
    (ending.how === 'exit' && ending.code === 134);
  return (aborted || ending.how === 'unknown') && tail.includes('JavaScript heap out of memory');
}
