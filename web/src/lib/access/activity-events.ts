import type { AuditList } from '@bkg/sdk/protocol';

export type SeqEvent = AuditList['events'][number];

/** The newest first, and so many of them that it does not matter how older ones come back. */
export interface EventsShown {
  events: readonly SeqEvent[];
  /** Older ones are there. */
  hasMore: boolean;
}

/** So many are kept in the page; older ones have to be asked for again. */
export const eventsMost = 2_000;

/** @param list the newest ones, as they are now */
export function withNewest(shown: EventsShown | undefined, list: AuditList): EventsShown {
  const oldest = list.events.at(-1);
  const newest = shown?.events[0];
  // More happened since than one answer holds: what is shown would have a gap that nobody sees.
  const isTorn = list.next !== undefined && oldest && newest && oldest.seq > newest.seq;
  if (!shown || !newest || isTorn) return { events: list.events, hasMore: list.next !== undefined };
  const events = joined(list.events, shown.events);
  return { events, hasMore: shown.hasMore && events.length < eventsMost };
}

/** @param list those before the last one that is shown */
export function withOlder(shown: EventsShown, list: AuditList): EventsShown {
  const events = joined(shown.events, list.events);
  return { events, hasMore: list.next !== undefined && events.length < eventsMost };
}

function joined(newer: readonly SeqEvent[], older: readonly SeqEvent[]): SeqEvent[] {
  const bySeq = new Map([...older, ...newer].map((event) => [event.seq, event]));
  return [...bySeq.values()].sort((a, b) => b.seq - a.seq).slice(0, eventsMost);
}
